"""A store that has none of the files that the database knows is refused at the start."""

import shutil
from pathlib import Path

import pytest

from ferryman.config import Settings
from ferryman.errors import ConfigError
from ferryman.server.build import build
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess


async def test_another_folder_is_refused_and_the_own_one_is_not(
    database: str, tmp_path: Path
) -> None:
    with PlatformProcess(tmp_path / "data", database_url=database) as platform:
        migration = AppMigration.register_app(platform)
        migration.create()
        migration.start()
        migration.claim()
        migration.upload("a")
        migration.upload("b")
    own = Settings(data_dir=tmp_path / "data", clock="virtual")
    async with build(own, database, check_store=True):
        pass
    other = Settings(data_dir=tmp_path / "other", clock="virtual")
    with pytest.raises(ConfigError, match=r"none of 2 of them in .*/other/objects") as caught:
        async with build(other, database, check_store=True):
            pass
    assert caught.value.code == "store_foreign"
    # A worker needs no files.
    async with build(other, database):
        pass
    # One file that is left is enough: what is lost, the sweep finds.
    files = sorted((tmp_path / "data" / "objects" / "objects").glob("*/*"))
    assert len(files) == 2
    shutil.rmtree(files[0])
    async with build(own, database, check_store=True):
        pass

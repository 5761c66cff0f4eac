"""PostgreSQL's programs do not depend on who starts them, and where."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.errors import ConfigError
from ferryman.store.postgres_programs import ensure_user, let_read, surroundings

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root creates users")


def test_locale_variables_of_libpq_and_keys_are_left_out() -> None:
    environ = {
        "PATH": "/bin",
        "TMPDIR": "/var/tmp",
        "LANG": "xx_XX.UTF-8",
        "LC_TIME": "xx_XX",
        "LANGUAGE": "xx",
        "PGDATA": "/nowhere",
        "PGPASSWORD": "secret",
        "FERRYMAN_OBJECT_KEY": "secret",
    }
    assert surroundings(environ) == {"PATH": "/bin", "TMPDIR": "/var/tmp", "LC_ALL": "C"}


@pytest.fixture
def unknown_user() -> Iterator[str]:
    name = f"ferryman-{os.getpid()}"
    yield name
    if any(each.pw_name == name for each in pwd.getpwall()):
        subprocess.run([shutil.which("userdel") or "/usr/sbin/userdel", name], check=True)


@needs_root
def test_a_user_is_created_though_path_lacks_the_folder_of_useradd(
    unknown_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a cron job."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert ensure_user(unknown_user).pw_name == unknown_user
    assert ensure_user(unknown_user).pw_uid > 0


@needs_root
def test_a_user_that_cannot_be_created_is_one_refusal() -> None:
    """In the words of useradd."""
    with pytest.raises(ConfigError) as refused:
        ensure_user("not a name")
    assert refused.value.code == "postgres_user_missing"
    assert "useradd" in refused.value.found


def test_only_what_is_closed_is_opened(tmp_path: Path) -> None:
    """So nothing is changed on a file system that is read-only and in order."""
    share = tmp_path / "share"
    share.mkdir(mode=0o700)
    (share / "closed").touch(mode=0o600)
    let_read(share, stat.S_IRGRP | stat.S_IROTH)
    assert stat.S_IMODE(share.stat().st_mode) == 0o755
    assert stat.S_IMODE((share / "closed").stat().st_mode) == 0o644
    before = (share / "closed").stat().st_ctime_ns
    let_read(share, stat.S_IRGRP | stat.S_IROTH)
    assert (share / "closed").stat().st_ctime_ns == before

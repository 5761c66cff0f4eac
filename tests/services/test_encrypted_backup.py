"""Files that are encrypted in the data folder are backed up as they were sent, and restored."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.errors import ConfigError
from ferryman.objects.key_marks import marked_keys
from ferryman.objects.seal_all import SealRun
from ferryman.objects.sealing import ObjectKeys
from ferryman.server.backup import place
from tests.kit.backup import copies_of, upload_in_parts
from tests.kit.services import Services

KEYS = [bytes([number]) * 32 for number in (1, 2)]
MARKER = b"the harbour master's own words, "
PARTS = (MARKER * (5 << 15), MARKER)


def setting(key: bytes) -> dict[str, str]:
    return {"object_key": base64.b64encode(key).decode()}


def holds_plain(folder: Path) -> bool:
    return any(MARKER in path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_backup_is_plain_and_what_is_restored_encrypted_by_the_key_there(
    services: Services,
    database: str,
    empty_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "sync_file_system", lambda _folder: None)
    copies = copies_of(services, database, empty_database, tmp_path_factory.mktemp("backup"))
    transfer_id = await services.start_transfer()
    receipts = [await services.upload(transfer_id, body) for body in (MARKER, b"")]
    receipts.append(await upload_in_parts(services, transfer_id, *PARTS))
    objects = copies.source.data_dir / "objects"
    assert SealRun(objects, ObjectKeys(KEYS[:1])).run(lambda _: None).sealed_files == 4
    assert not holds_plain(objects)

    with pytest.raises(ConfigError, match="object_key_missing"):
        await copies.back_up()
    source = copies.source.model_copy(update=setting(KEYS[0]))
    target = copies.target.model_copy(update=setting(KEYS[1]))
    copies = replace(copies, source=source, target=target)
    done = await copies.back_up()
    assert (done.files, done.problems) == (3, [])
    assert copies.kept(receipts[2].key).read_bytes() == b"".join(PARTS)
    again = await copies.back_up(read_all=True)
    assert (again.copied_files, again.problems) == (0, [])

    report = await copies.restore()
    assert report.verified is not None
    assert (report.verified.files, report.verified.problems) == (3, [])
    restored = target.data_dir / "objects"
    assert not holds_plain(restored)
    new = ObjectKeys(KEYS[1:])
    counted = SealRun(restored, new).count()
    assert (counted.files, counted.left_files) == (3, 0)
    assert marked_keys(restored / "keys") == new.kids

"""Files that are encrypted in the data folder are backed up as they were sent, and restored."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.errors import ConfigError, OutsideError
from ferryman.objects.key_marks import marked_keys
from ferryman.objects.seal_all import SealRun
from ferryman.objects.sealed_file import sealed_name
from ferryman.objects.sealing import ObjectKeys
from ferryman.server.backup import manifest as manifests
from ferryman.server.backup import restore
from ferryman.server.backup.opening import open_platform
from ferryman.server.backup.place import Folder
from ferryman.server.backup.verifying import verify
from ferryman.services.known_store import check_known
from tests.kit.backup import Copies, silent, upload_in_parts
from tests.kit.services import Services

KEYS = [bytes([number]) * 32 for number in (1, 2)]
MARKER = b"the harbour master's own words, "
PARTS = (MARKER * (5 << 15), MARKER)


def setting(key: bytes) -> dict[str, str]:
    return {"object_key": base64.b64encode(key).decode()}


def holds_plain(folder: Path) -> bool:
    return any(MARKER in path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_backup_is_plain_and_what_is_restored_encrypted_by_the_key_there(
    services: Services, copies: Copies
) -> None:
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


async def test_a_file_that_is_damaged_keeps_nothing_else_from_a_backup_or_a_start(
    services: Services, copies: Copies, database: str
) -> None:
    transfer_id = await services.start_transfer()
    damaged = await services.upload(transfer_id, MARKER)
    objects = copies.source.data_dir / "objects"
    SealRun(objects, ObjectKeys(KEYS[:1])).run(lambda _: None)
    source = copies.source.model_copy(update=setting(KEYS[0]))
    path = sealed_name(copies.stored(damaged.key))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    async with open_platform(source, database) as platform:
        await check_known(platform)

    await services.upload(transfer_id, MARKER[::-1])
    copies = replace(copies, source=source)
    done = await copies.back_up()
    assert done.files == 1
    [problem] = done.problems
    assert (problem.key, problem.found.partition(":")[0]) == (damaged.key, "store_damaged")
    manifest = await manifests.read(Folder(copies.place))
    found = await verify(source, silent, manifest)
    assert found.files == 2
    assert [each.key for each in found.problems] == [damaged.key]


async def test_what_a_restore_copied_before_it_had_a_key_is_encrypted_as_well(
    services: Services, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id, MARKER)
    await copies.back_up()

    async def cut(*_given: object) -> None:
        raise OutsideError("cut", expected="", found="", fix="")

    with monkeypatch.context() as killed:
        killed.setattr(restore, "migrate", cut)
        with pytest.raises(OutsideError):
            await copies.restore()
    assert holds_plain(copies.target.data_dir / "objects")
    copies = replace(copies, target=copies.target.model_copy(update=setting(KEYS[1])))
    report = await copies.restore()
    assert report.verified is not None
    assert (report.verified.files, report.verified.problems) == (1, [])
    assert not holds_plain(copies.target.data_dir / "objects")

"""Check the zip file of a recording before anything in it is used."""

import zipfile
from pathlib import Path
from typing import IO, NoReturn

import msgspec

from ferryman import refusals
from ferryman.devtools.recording import layout
from ferryman.devtools.recording.layout import RecordingBundle
from ferryman.devtools.recording.writing import Count

DOCUMENT_BYTES = 4 << 20
BUNDLE_BYTES = 32 << 20
MEMBERS = 100_000

_PIECE = 1 << 20


def check_archive(archive: zipfile.ZipFile, path: Path) -> RecordingBundle:
    """Read all of an archive and compare every member with its digest; raises ``ConfigError``."""
    names = _named(archive, path)
    bundle = _bundle(archive, names[layout.BUNDLE], path)
    listed = {member.name: member for member in bundle.members}
    if len(listed) != len(bundle.members) or set(listed) | {layout.BUNDLE} != set(names):
        refuse(path, f"other members than {layout.BUNDLE} lists")
    for name in (layout.RUN, *layout.LISTS.values()):
        if name not in listed:
            refuse(path, f"no {name}")
    for name, member in listed.items():
        with archive.open(names[name]) as source:
            count = _counted(source, names[name].file_size, path, name)
        if (count.size, count.sha256) != (member.size, member.sha256):
            refuse(path, f"other bytes in {name} than when it was recorded")
    return bundle


def _named(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MEMBERS:
        refuse(path, f"more than {MEMBERS} members")
    names = {info.filename: info for info in infos}
    if len(names) != len(infos):
        refuse(path, "two members of one name")
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        refuse(path, "members that overlap")
    if layout.BUNDLE not in names:
        refuse(path, f"no {layout.BUNDLE}")
    for info in infos:
        if info.filename != layout.BUNDLE and not layout.MEMBER.fullmatch(info.filename):
            refuse(path, f"a member named {info.filename[:80]!r}")
        _check_size(info, path)
    return names


def _bundle(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> RecordingBundle:
    with archive.open(info) as member:
        text = member.read(BUNDLE_BYTES + 1)
    if len(text) > BUNDLE_BYTES:
        refuse(path, f"a {layout.BUNDLE} of more than {BUNDLE_BYTES >> 20} MiB")
    head = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    name, version = (bytes(head.get(key, msgspec.Raw(b"null"))) for key in ("format", "version"))
    if name != msgspec.json.encode(layout.FORMAT):
        refuse(path, f"the format {name[:40].decode(errors='replace')}")
    known = layout.WITHOUT_STATE, layout.VERSION
    if version not in [b"%d" % each for each in known]:
        raise refusals.recording.VERSION_UNKNOWN(
            version=" or ".join(map(str, known)), found=version[:20].decode(errors="replace")
        )
    return msgspec.json.decode(text, type=RecordingBundle)


def _check_size(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    if name.startswith(layout.PAYLOADS):
        # So no file is larger than the recording.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            refuse(path, f"{name} compressed")
        return
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse(path, f"{name} compressed in another way than by deflate")
    most = {layout.RUN: DOCUMENT_BYTES, layout.BUNDLE: BUNDLE_BYTES}.get(name, layout.LIST_BYTES)
    if info.file_size > most:
        refuse(path, f"a {name} of more than {most >> 20} MiB")


def _counted(source: IO[bytes], most: int, path: Path, name: str) -> Count:
    count = Count()
    while piece := source.read(_PIECE):
        count.add(piece)
        if count.size > most:
            refuse(path, f"more bytes in {name} than it says of itself")
    return count


def refuse(path: Path, found: str, cause: BaseException | None = None) -> NoReturn:
    """Raise ``ConfigError`` (``recording_unreadable``) for what was found in ``path``."""
    raise refusals.recording.UNREADABLE(path=path, found=found) from cause

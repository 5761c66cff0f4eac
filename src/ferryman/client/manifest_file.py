"""Write a manifest of a transfer whole or not at all, and read it with its digest."""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from ferryman import refusals
from ferryman.wire.manifest import READ_VERSIONS, ManifestHead, TransferManifest


def write_manifest(chunks: Iterable[bytes], target: Path) -> str:
    """Write the manifest to ``target`` once its digest holds; the digest."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    digest, held = sha256(), b""
    try:
        with draft.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                # The last line is no part of the digest that it holds.
                head, end, held = (held + chunk).rpartition(b"\n")
                if end and not held:
                    head, end, held = _last_line(head)
                digest.update(head + end)
            file.flush()
            os.fsync(file.fileno())
        computed = digest.hexdigest()
        if _stated(held) != computed:
            raise refusals.command.MANIFEST_INVALID(
                found="a manifest that was cut off or altered on its way"
            )
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return computed


def read_manifest(source: Path) -> TransferManifest:
    """Read a manifest that was kept; raises ``ConfigError`` (``manifest_invalid``)."""
    text = source.read_bytes()
    head, end, last = _last_line(text.removesuffix(b"\n"))
    if _stated(last) != sha256(head + end).hexdigest():
        raise refusals.command.MANIFEST_INVALID(
            found="another digest than its last line names: it was cut off or altered"
        )
    try:
        if msgspec.json.decode(text, type=ManifestHead).version not in READ_VERSIONS:
            raise refusals.command.MANIFEST_INVALID(found="a manifest of another version")
        return msgspec.json.decode(text, type=TransferManifest)
    except msgspec.DecodeError as failure:
        raise refusals.command.MANIFEST_INVALID(found=str(failure)[:200]) from None


def _last_line(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Split before the last line, whose own line end is gone already."""
    head, end, last = text.rpartition(b"\n")
    return head, end, last + b"\n"


def _stated(last: bytes) -> str:
    try:
        stated: object = msgspec.json.decode(b"{" + last).get("sha256")
    except (msgspec.DecodeError, AttributeError):
        return ""
    return str(stated)

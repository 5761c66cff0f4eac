"""Take a part of a completed file over into an open upload, without copying a byte (ADR 0102).

Both names lead to the same bytes on the disk, which are freed when the last name is removed.
Nothing ever writes into a file that has its final name. A store with a key copies parts that are
not encrypted with it for their new name (ADR 0123).
"""

import hashlib
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from ferryman.errors import PlatformError
from ferryman.ids import ephemeral_id
from ferryman.objects.incoming import put_part
from ferryman.objects.sealed_file import (
    Readable,
    SealedReader,
    SealedWriter,
    context_of,
    newest_sealed,
    open_piece,
    sealed_name,
    write_all,
)
from ferryman.objects.sealing import ObjectKeys
from ferryman.wire.upload import PartRequest

AT_ONCE = 4
"""Parts that are read in threads at a time: the others are for those who send and read files."""

_STEP = 1 << 20


def take_over(
    source: Path,
    target: Path,
    part: PartRequest,
    incoming: Path,
    *,
    alone: bool,
    keys: ObjectKeys,
) -> bool:
    """Give the bytes at ``source`` the name ``target`` as well, if they are those of ``part``.

    They are read and hashed first: a disk may have lost some, and the sender still has them.
    Returns False if they are gone or different, if the upload is closed, or if the file system
    cannot link them. Both paths are plain names, without the ending of encrypted files.
    """
    draft = incoming / str(ephemeral_id())
    try:
        if not keys:
            # A name of our own: the source may be removed at any instant.
            os.link(source, draft)
            with FileIO(draft) as file:
                same = _has_bytes(file, part)
        elif newest_sealed(source, keys) and context_of(source) == context_of(target):
            os.link(sealed_name(source), draft)
            with SealedReader(source, keys) as reader:
                same = _has_bytes(reader, part)
        else:
            same = _sealed_copy(source, draft, target, part, keys)
        if not same:
            return False
        put_part(draft, target, alone=alone, sealed=bool(keys))
    except (OSError, PlatformError):
        return False
    finally:
        # Still there if the target was the same link already: renaming does nothing then.
        draft.unlink(missing_ok=True)
    return True


def _sealed_copy(
    source: Path, draft: Path, target: Path, part: PartRequest, keys: ObjectKeys
) -> bool:
    with open_piece(source, keys) as piece, FileIO(draft, "x") as file:
        sealed = SealedWriter(lambda data: write_all(file, data), keys, target)
        same = _has_bytes(piece, part, sealed.write)
        sealed.finish()
        os.fsync(file.fileno())
    return same


def _has_bytes(
    file: Readable, part: PartRequest, feed: Callable[[bytes], None] | None = None
) -> bool:
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(_STEP):
        size += len(chunk)
        if size > part.size:
            return False
        digest.update(chunk)
        if feed is not None:
            feed(chunk)
    return size == part.size and digest.hexdigest() == part.sha256

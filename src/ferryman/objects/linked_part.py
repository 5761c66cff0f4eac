"""Take a part of a completed file over into an open upload, without copying a byte (ADR 0102).

Both names lead to the same bytes on the disk, which are freed when the last of them is removed.
Nothing ever writes into a file that has its final name.
"""

import hashlib
import os
from pathlib import Path

from ferryman.errors import PlatformError
from ferryman.ids import ephemeral_id
from ferryman.objects.incoming import put_part
from ferryman.wire.upload import PartRequest

AT_ONCE = 4
"""Parts that are read in threads at a time: the others are for those who send and read files."""


def link_part(
    source: Path, target: Path, part: PartRequest, incoming: Path, *, alone: bool
) -> bool:
    """Give the bytes at ``source`` the name ``target`` as well, if they are those of ``part``.

    They are read and hashed first: a disk may have lost some, and whoever sends them again has
    them. Returns False if they are gone or different, if the upload is closed, or if the file
    system cannot link them.
    """
    draft = incoming / str(ephemeral_id())
    try:
        # A name of our own: the source may be removed at any instant.
        os.link(source, draft)
        if not _has_bytes(draft, part):
            return False
        put_part(draft, target, alone=alone)
    except (OSError, PlatformError):
        return False
    finally:
        # Still there if the target was the same link already: renaming does nothing then.
        draft.unlink(missing_ok=True)
    return True


def _has_bytes(path: Path, part: PartRequest) -> bool:
    with path.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size != part.size:
            return False
        return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256

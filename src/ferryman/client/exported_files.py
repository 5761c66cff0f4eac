"""The files of one transfer in an export: fetched in the order of their keys, and resumed there."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Event
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.export_folder import sum_line
from ferryman.digests import PartsHasher
from ferryman.sdk.errors import TransportError
from ferryman.sdk.progress import BytesProgress
from ferryman.wire.storage import FileView

FILES_SUMS = ".files.sums"
"""The list of digests of the files fetched so far, until all are there."""

_AT_ONCE = 4
_TRIES = 3
_TWO_LINES = 400
"""More bytes than two lines of the list have."""


def fetch_files(
    admin: AdminClient, transfer_id: str, folder: Path, *, on_progress: BytesProgress
) -> Path:
    """Fetch the files that ``files.ndjson`` in the folder lists, and return the list of digests.

    Each file is in the list once it is in its place; what a killed process fetched is not fetched
    again. Raises ``OutsideError`` (``exported_file_differs``) for a file of other bytes.
    """
    done = folder / FILES_SUMS
    last, stop = _last(done), Event()
    (folder / "files").mkdir(exist_ok=True)
    for path in (folder / "files").iterdir():
        # A killed process fetched it, and it may be gone on the platform since.
        if path.name > last or path.name.startswith("."):
            path.unlink()

    def fetch(file: FileView) -> bytes:
        return _fetch(admin, transfer_id, file, folder / "files", on_progress, stop)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ferryman-export") as pool:
        left = (file for file in _kept(folder / "files.ndjson") if file.key > last)
        coming: deque[Future[bytes]] = deque(
            pool.submit(fetch, file) for file in islice(left, _AT_ONCE)
        )
        try:
            with done.open("ab", buffering=0) as sums:
                while coming:
                    sums.write(coming.popleft().result())
                    coming.extend(pool.submit(fetch, file) for file in islice(left, 1))
        finally:
            stop.set()  # or a caller that is interrupted would wait for large files
            for future in coming:
                future.cancel()
    return done


def _last(done: Path) -> str:
    """Return the key in the last line of the list, after removing one that a kill cut short."""
    if not done.exists():
        return ""
    with done.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TWO_LINES))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        file.truncate(size - len(tail) + len(whole))
    return whole.rstrip(b"\n").rpartition(b"/")[2].decode()


def _kept(listed: Path) -> Iterator[FileView]:
    decoder = msgspec.json.Decoder(FileView)
    with listed.open("rb") as lines:
        for line in lines:
            file = decoder.decode(line)
            if file.deleted_at is None:
                yield file


def _fetch(
    admin: AdminClient,
    transfer_id: str,
    file: FileView,
    folder: Path,
    on_progress: BytesProgress,
    stop: Event,
) -> bytes:
    """Fetch a file, and return its line."""
    key = str(UUID(file.key))  # it becomes a name on this disk
    draft = folder / f".{key}.draft"
    for tries in range(1, _TRIES + 1):
        came = 0
        try:
            with admin.recordings.read_payload(transfer_id, key) as chunks, draft.open("wb") as out:
                plain, parts = sha256(), PartsHasher(part.size for part in file.parts)
                for chunk in chunks:
                    if stop.is_set():
                        raise CancelledError
                    out.write(chunk)
                    plain.update(chunk)
                    if file.parts_sha256 is not None:
                        parts.update(chunk)
                    came += len(chunk)
                    on_progress(len(chunk), True)
            break
        except TransportError:
            on_progress(-came, True)
            if tries == _TRIES:
                raise
    digest = plain.hexdigest()
    whole = file.sha256 in (None, digest)
    if came != file.size or not whole or file.parts_sha256 not in (None, parts.hexdigest()):
        found = f"{came} bytes with the sha256 {digest}"
        raise refusals.customer.EXPORTED_FILE_DIFFERS(key=key, transfer=transfer_id, found=found)
    draft.replace(folder / key)
    return sum_line(digest, f"files/{key}")

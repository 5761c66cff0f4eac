"""The object store in a local folder: the default, and the same promises as S3."""
# ruff: noqa: ARG002 - the port has arguments that only other stores need

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from ferryman.errors import OutsideError, not_found
from ferryman.ids import passing_id
from ferryman.objects.folder import (
    StoredObject,
    disk_errors,
    locked,
    make_folder,
    part_path,
    parts_in,
    read_list,
    sync_folder,
    write_list,
)
from ferryman.objects.incoming import IncomingPart, clear_incoming, upload_closed
from ferryman.objects.parts import check_parts, check_request
from ferryman.objects.port import Part, SignedPart, Unfinished
from ferryman.objects.signing import Grant, Operation, check, is_key, sign
from ferryman.wire.upload import PartRequest, StoredPart

_READ = 1 << 20


class LocalStore:
    """Files under ``root``; ``base_url`` is how apps reach the platform that serves them.

    ``secret`` signs the URLs: every process that serves the same ``root`` needs the same one.
    Opening a store removes what a killed process left half-written. An upload's reference is
    its key.
    """

    min_part_size = 5 << 20
    max_part_size = 1 << 30
    max_parts = 10_000
    compare_etags = False
    checksums: tuple[str, ...] = ("sha256",)

    def __init__(
        self, root: Path, secret: bytes, base_url: str, *, part_size: int = 8 << 20
    ) -> None:
        self.part_size = part_size
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._mark = root / "platform"
        self._incoming = root / "incoming"
        self._uploads = root / "uploads"
        self._objects = root / "objects"
        with disk_errors():
            for folder in (self._incoming, self._uploads, self._objects):
                make_folder(folder)
            clear_incoming(self._incoming)

    async def begin(self, key: str) -> str:
        """Open an upload under ``key``; repeatable until it is completed."""
        await asyncio.to_thread(self._begin, key)
        return key

    async def begin_single(self, part: PartRequest) -> str | None:
        """None: an upload is a folder, and there is no shorter way."""
        return None

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """The same: an upload takes any part."""
        return upload_ref

    async def part_url(
        self,
        key: str,
        upload_ref: str,
        part: PartRequest,
        *,
        expires_at: datetime,
        now: datetime,
    ) -> SignedPart:
        """Sign the sending of one part; whether the upload is open is seen when it arrives."""
        check_request(part, max_part_size=self.max_part_size, max_parts=self.max_parts)
        grant = Grant(
            operation=Operation.PART,
            key=_checked(key),
            expires_at=expires_at,
            number=part.number,
            size=part.size,
            sha256=part.sha256,
        )
        return SignedPart(
            number=part.number,
            method=grant.operation.method,
            url=self._url(grant),
            headers={"Content-Length": str(part.size)},
            expires_at=expires_at,
        )

    async def read_url(
        self, key: str, *, expires_at: datetime, now: datetime, download_name: str | None = None
    ) -> str:
        """Sign the reading of one file."""
        grant = Grant(
            operation=Operation.READ,
            key=_checked(key),
            expires_at=expires_at,
            name=download_name or "",
        )
        return self._url(grant)

    def check(self, method: str, key: str, query: str, now: datetime) -> Grant:
        """What a request with one of this store's URLs may do; see :func:`signing.check`."""
        return check(self._secret, method, key, query, now)

    def receive(self, grant: Grant) -> IncomingPart:
        """A context manager that takes the bytes of the part that ``grant`` allows."""
        part = StoredPart(
            number=grant.number, size=grant.size, sha256=grant.sha256, etag=grant.sha256
        )
        return IncomingPart(
            self._incoming / str(passing_id()),
            part_path(self._upload(grant.key), part),
            size=grant.size,
            digest=grant.sha256,
        )

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Parts accepted so far; a number sent twice with other bytes is there twice."""
        return await asyncio.to_thread(parts_in, self._upload(key))

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Make the file of exactly ``parts``, on disk when this returns."""
        return await asyncio.to_thread(self._complete, key, parts)

    async def abort(self, key: str, upload_ref: str) -> None:
        """Close the upload and remove its parts; a completed file stays."""
        await asyncio.to_thread(self._abort, key)

    async def find(self, key: str) -> StoredObject:
        """The completed file under ``key``; raises ``NotFound``."""
        found = await asyncio.to_thread(read_list, self._object(key))
        if found is None:
            raise not_found("object", key)
        return found

    async def size(self, key: str) -> int:
        """Size of the completed file in bytes; raises ``NotFound``."""
        return (await self.find(key)).size

    async def stream(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to and without ``end``, in chunks of at most 1 MiB."""
        found = await self.find(key)
        async for chunk in self.read(found, start, found.size if end is None else end):
            yield chunk

    async def read(self, found: StoredObject, start: int, end: int) -> AsyncIterator[bytes]:
        """As :meth:`stream`, of a file already found; fails if it is deleted meanwhile."""
        for path, offset, length in found.slices(start, end):
            with disk_errors():
                file = await asyncio.to_thread(path.open, "rb", buffering=0)
            with file:
                file.seek(offset)
                left = length
                while left:
                    with disk_errors():
                        chunk = await asyncio.to_thread(file.read, min(left, _READ))
                    if not chunk:
                        raise _damaged(path)
                    left -= len(chunk)
                    yield chunk

    async def delete(self, key: str) -> None:
        """Remove the completed file; a reader inside a part may finish that part."""
        await asyncio.to_thread(self._remove, self._object(key))

    def claim(self) -> None:
        """Mark the folder as that of the platform whose secret this is, unless it is marked."""
        with disk_errors():
            while not self._mark.exists():
                draft = self._incoming / str(passing_id())
                draft.write_text(self._name())
                # A process that starts beside this one may mark it first, or clear the draft away.
                with suppress(FileExistsError, FileNotFoundError):
                    self._mark.hardlink_to(draft)
                draft.unlink(missing_ok=True)

    async def is_own(self) -> bool:
        """Whether the platform of this secret claimed it; a worker elsewhere has another folder."""
        try:
            return await asyncio.to_thread(self._mark.read_text) == self._name()
        except OSError:
            return False

    async def unfinished(self) -> AsyncIterator[Unfinished]:
        """Every open upload and when its last part came."""
        for key in await asyncio.to_thread(_keys_in, self._uploads):
            with suppress(FileNotFoundError):
                changed = (await asyncio.to_thread(self._upload(key).stat)).st_mtime
                yield Unfinished(key, key, datetime.fromtimestamp(changed, UTC))

    async def files(self) -> AsyncIterator[str]:
        """The key of every completed file, in order."""
        with disk_errors():
            folders = await asyncio.to_thread(lambda: sorted(self._objects.iterdir()))
        for folder in folders:
            for key in sorted(await asyncio.to_thread(_keys_in, folder)):
                yield key

    def _begin(self, key: str) -> None:
        if self._object(key).exists():
            raise upload_closed()
        with disk_errors():
            self._upload(key).mkdir(mode=0o700, exist_ok=True)

    def _complete(self, key: str, parts: Sequence[Part]) -> list[Part]:
        upload, target = self._upload(key), self._object(key)
        with disk_errors(), locked(upload) as is_open:
            if is_open:
                chosen = check_parts(
                    parts,
                    min_part_size=self.min_part_size,
                    max_parts=self.max_parts,
                    held=parts_in(upload),
                )
                write_list(upload, chosen)
                make_folder(target.parent)
                upload.rename(target)
            else:
                chosen = self._same(read_list(target), parts)
            # Also on a repeat: the first call may have been killed before it got here. A rename
            # is one change of both folders to a file system, so the new one is enough.
            sync_folder(target.parent)
        return chosen

    def _same(self, found: StoredObject | None, parts: Sequence[Part]) -> list[Part]:
        """A repeated completion names the same parts; anything else comes too late."""
        if found is None or len(parts) != len(found.parts):
            raise upload_closed()
        return check_parts(parts, min_part_size=0, max_parts=self.max_parts, held=found.parts)

    def _abort(self, key: str) -> None:
        upload = self._upload(key)
        with locked(upload) as is_open:
            if is_open:
                self._remove(upload)

    def _remove(self, folder: Path) -> None:
        """Out of sight in one move, then piece by piece: no part can arrive in between."""
        doomed = self._incoming / str(passing_id())
        with disk_errors():
            try:
                folder.rename(doomed)
            except FileNotFoundError:
                return
            shutil.rmtree(doomed, ignore_errors=True)

    def _upload(self, key: str) -> Path:
        return self._uploads / _checked(key)

    def _object(self, key: str) -> Path:
        return self._objects / _checked(key)[:2] / key

    def _name(self) -> str:
        return sha256(b"platform" + self._secret).hexdigest()

    def _url(self, grant: Grant) -> str:
        return f"{self._base_url}/objects/{grant.key}?{sign(self._secret, grant)}"


def _keys_in(folder: Path) -> list[str]:
    with disk_errors():
        return [path.name for path in folder.iterdir() if is_key(path.name)]


def _checked(key: str) -> str:
    """Keys become names of folders: nothing but a canonical UUID may pass."""
    if not is_key(key):
        raise not_found("object", key)
    return key


def _damaged(path: Path) -> OutsideError:
    return OutsideError(
        "store_damaged",
        expected=f"a whole part in {path.name}",
        found="a shorter file",
        fix="Something outside the platform changed the store's folder: restore it from a backup.",
    )

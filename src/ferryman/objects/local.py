"""The object store in a local folder: the default, with the same guarantees as S3."""
# ruff: noqa: ARG002 - the port has arguments that only other stores need

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from ferryman import refusals
from ferryman.errors import PlatformError, value_or_raise
from ferryman.ids import ephemeral_id
from ferryman.objects.folder import claim_folder, disk_errors, part_path, remove_object, stored_part
from ferryman.objects.incoming import IncomingPart, clear_incoming
from ferryman.objects.local_files import MAX_PARTS, LocalFiles, checked
from ferryman.objects.parts import check_request
from ferryman.objects.port import (
    READ_STEP,
    Assembly,
    HeldPart,
    HoldsMoreError,
    OpenUpload,
    Part,
    SignedPart,
)
from ferryman.objects.sealed_file import Readable
from ferryman.objects.sealing import NO_KEYS, ObjectKeys
from ferryman.objects.signed_url import Grant, UrlOperation, part_grant, read_grant, sign, verify
from ferryman.objects.stored_object import StoredObject, read_pieces
from ferryman.objects.whole_file import WholeFile, read_whole_file
from ferryman.wire.upload import PartRequest

_NEVER = datetime.max.replace(tzinfo=UTC)


class LocalStore:
    """Files under ``root``; ``url`` is that of the platform that serves them.

    ``secret`` signs the URLs, and must be the same in every process that serves the same ``root``.
    With ``keys``, what comes is encrypted. Parts leave ``reserve`` bytes of the disk free (see
    :mod:`ferryman.disk`). Opening a store removes what a killed process left half-written. An
    upload's reference is its key, or that of a ``WholeFile``.
    """

    min_part_size = 5 << 20
    max_part_size = 1 << 30
    max_parts = MAX_PARTS
    compare_etags = False
    checksums: tuple[str, ...] = ("sha256",)

    def __init__(
        self,
        root: Path,
        secret: bytes,
        url: str,
        *,
        part_size: int = 8 << 20,
        reserve: int = 0,
        keys: ObjectKeys = NO_KEYS,
    ) -> None:
        self.part_size, self._reserve = part_size, reserve
        self._secret, self._name = secret, sha256(b"platform" + secret).hexdigest()
        self.signed_at = url.rstrip("/")
        self._files = LocalFiles(root, keys)
        with disk_errors():
            clear_incoming(self._files.incoming)

    async def begin(self, key: str) -> str:
        """Open an upload under ``key``; repeatable until it is completed."""
        await asyncio.to_thread(self._files.begin, key)
        return key

    async def begin_single(self, part: PartRequest) -> str | None:
        """Return the reference of a file that is kept as one file."""
        self._check(part)
        return str(WholeFile(part.size, part.sha256)) if part.number == 1 else None

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """Open an upload in parts if the parts are not the whole file of the reference."""
        whole = read_whole_file(upload_ref)
        return upload_ref if whole is None or whole.is_all(parts) else await self.begin(key)

    async def part_url(
        self,
        key: str,
        upload_ref: str,
        part: PartRequest,
        *,
        expires_at: datetime,
        now: datetime,
    ) -> SignedPart:
        """Sign the URL to send one part; only its arrival checks that the upload is open."""
        self._check(part)
        whole = read_whole_file(upload_ref)
        if whole is not None and not whole.is_all([part]):
            raise refusals.upload.CLOSED_IN_STORE()
        grant = part_grant(checked(key), part, expires_at, alone=whole is not None)
        return SignedPart(
            number=part.number,
            method=grant.operation.method,
            url=self._url(grant),
            headers={"Content-Length": str(part.size)},
            expires_at=expires_at,
        )

    async def read_url(
        self,
        key: str,
        *,
        expires_at: datetime,
        now: datetime,
        download_name: str | None = None,
        app: str = "",
    ) -> str:
        """Sign the URL to read a file."""
        return self._url(read_grant(checked(key), expires_at, download_name or "", app))

    def check(self, method: str, key: str, query: str, now: datetime) -> Grant:
        """Return what a request with a URL of this store may do; see :func:`signed_url.verify`."""
        return verify(self._secret, method, key, query, now)

    def receive(self, grant: Grant) -> IncomingPart:
        """Return a context manager that receives the bytes of the part that ``grant`` allows."""
        alone = grant.operation is UrlOperation.FILE
        part = stored_part(grant.number, grant.size, grant.sha256)
        return IncomingPart(
            self._files.incoming / str(ephemeral_id()),
            self._files.object(grant.key)
            if alone
            else part_path(self._files.upload(grant.key), part),
            size=grant.size,
            digest=grant.sha256,
            alone=alone,
            reserve=self._reserve,
            keys=self._files.keys,
        )

    async def put_part(self, key: str, upload_ref: str, part: PartRequest, data: bytes) -> Part:
        """Store a part; it is on disk when this returns."""
        self._check(part)
        # Nobody is given its URL, so it needs no end.
        with self.receive(part_grant(checked(key), part, _NEVER)) as incoming:
            await asyncio.to_thread(incoming.write, data)
            await incoming.keep()
        return stored_part(part.number, part.size, part.sha256)

    async def copy_part(
        self, key: str, upload_ref: str, part: PartRequest, held: HeldPart
    ) -> Part | None:
        """Link a part of a file whose bytes are read and hashed first; see ``linked_part.py``."""
        async with self._files.linking:
            return await asyncio.to_thread(self._files.copy_part, key, upload_ref, part, held)

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Return the accepted parts; of bytes sent for one number, the last."""
        return await asyncio.to_thread(self._files.held, key, upload_ref)

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Assemble the file from exactly ``parts``; it is on disk when this returns."""
        return value_or_raise((await self.complete_all([Assembly(key, upload_ref, parts)]))[0])

    async def complete_all(
        self, files: Sequence[Assembly]
    ) -> list[list[Part] | PlatformError | HoldsMoreError]:
        """Assemble several files in one thread, and sync each changed folder once."""
        return await asyncio.to_thread(self._files.complete, files, self.min_part_size)

    async def abort(self, key: str, upload_ref: str) -> None:
        """Close the upload and remove its parts; a completed file stays.

        A file of one part is removed, since it was not accepted. If it is very small, its URL can
        create it again until it expires; a sweep finds that.
        """
        await asyncio.to_thread(self._files.abort, key, upload_ref)

    async def find(self, key: str, most: int = 0) -> StoredObject:
        """Return the completed file under ``key``, with its content up to ``most`` bytes.

        Raises ``NotFound``, and ``OutsideError`` (``object_key_missing``) if its key is missing.
        """
        return await asyncio.to_thread(self._files.find, key, most)

    async def size(self, key: str) -> int:
        """Return the size of the completed file in bytes; raise ``NotFound``."""
        return (await self.find(key)).size

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, *, step: int = READ_STEP
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, excluded, at most ``step`` at once."""
        stored = await self.find(key)
        async for chunk in self.read(stored, start, stored.size if end is None else end, step):
            yield chunk

    def openers(self, stored: StoredObject) -> list[Callable[[], Readable]]:
        """Return what opens the files that make up ``stored``, in order."""
        return self._files.openers(stored)

    def read(
        self, stored: StoredObject, start: int, end: int, step: int = READ_STEP
    ) -> AsyncIterator[bytes]:
        """Return bytes like :meth:`stream` of a file found before, in chunks of ``step`` bytes."""
        return read_pieces(stored, start, end, step, self._files.keys)

    async def delete(self, key: str) -> None:
        """Remove the completed file; a reader inside a part may finish that part."""
        await asyncio.to_thread(remove_object, self._files.object(key), self._files.incoming)

    async def check_keys(self, *, note: bool = False) -> bool:
        """Return whether new files are encrypted, and ``note`` their key before they are.

        Raises ``ConfigError`` (``object_key_missing``) if one noted before is not given.
        """
        return await asyncio.to_thread(self._files.check_keys, note=note)

    def claim(self) -> None:
        """Mark the folder as that of the platform with this secret, unless it is marked."""
        claim_folder(self._files.mark, self._name, self._files.incoming)

    async def is_own(self) -> bool:
        """Return whether the platform with this secret claimed the folder."""
        try:
            return await asyncio.to_thread(self._files.mark.read_text) == self._name
        except OSError:
            return False

    async def unfinished(self) -> AsyncIterator[OpenUpload]:
        """Yield every open upload, with the time its last part came."""
        async for upload in self._files.unfinished():
            yield upload

    async def files(self) -> AsyncIterator[str]:
        """Yield the key of every completed file, in order."""
        async for key in self._files.keys_of_files():
            yield key

    def _check(self, part: PartRequest) -> None:
        check_request(part, max_part_size=self.max_part_size, max_parts=self.max_parts)

    def _url(self, grant: Grant) -> str:
        return f"{self.signed_at}/objects/{grant.key}?{sign(self._secret, grant)}"

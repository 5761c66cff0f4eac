"""The object store on S3. A file is one object, ``prefix`` + key.

It is written by a multipart upload or, if it is small, by one plain PUT (``small_file.py``).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from ferryman import refusals
from ferryman.errors import OutsideError, PlatformError
from ferryman.in_parallel import in_parallel
from ferryman.objects.parts import check_parts, check_request
from ferryman.objects.port import (
    READ_STEP,
    Assembly,
    HeldPart,
    HoldsMoreError,
    OpenUpload,
    Part,
    SignedPart,
)
from ferryman.objects.s3.bucket import S3Bucket
from ferryman.objects.s3.capabilities import MAX_PARTS, probe_capabilities, replaces_nothing
from ferryman.objects.s3.copied_part import copy_part
from ferryman.objects.s3.errors import store_errors
from ferryman.objects.s3.etags import check_same
from ferryman.objects.s3.permissions import check_answer, check_rights
from ferryman.objects.s3.presign import part_fields, read_fields
from ferryman.objects.s3.probe import probe_of
from ferryman.objects.s3.small_file import SmallFile, arrived_files, read_small_file
from ferryman.objects.s3.still_verifies import DigestTrust
from ferryman.wire.upload import PartRequest

_ANSWER_SECONDS, _CHECK_SECONDS = 15.0, 120.0
"""Timeouts for a store's first answer when the platform starts, and for all checks."""


class S3Store:
    """The object store in a bucket; implements ``port.ObjectStore``."""

    min_part_size = 5 << 20
    max_part_size = 1 << 30
    checksums: tuple[str, ...] = ("sha256", "md5")

    def __init__(self, bucket: S3Bucket, *, part_size: int = 8 << 20) -> None:
        self.endpoint, self.signed_at = bucket.endpoint, bucket.public_base
        self.part_size, self.max_parts = part_size, bucket.address.max_parts or MAX_PARTS
        self.compare_etags = False
        self._exclusive: bool | None = None
        self._trust: DigestTrust | None = None
        self._bucket, self._trying = bucket, asyncio.Lock()

    async def begin(self, key: str) -> str:
        """Open a multipart upload; return S3's upload id as its reference."""
        return await self._bucket.create_upload(key)

    async def begin_single(self, part: PartRequest) -> str | None:
        """Return a reference to one plain PUT of exactly these bytes, for a part below 5 MiB."""
        self._check_request(part)
        if part.number != 1 or part.size >= self.min_part_size or not await self._is_exclusive():
            return None
        return str(SmallFile(part.size, self._digest(part)))

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """Open a multipart upload if the parts do not fit the plain PUT of the reference."""
        single = read_small_file(upload_ref)
        return upload_ref if single is None or single.is_all(parts) else await self.begin(key)

    async def part_url(
        self,
        key: str,
        upload_ref: str,
        part: PartRequest,
        *,
        expires_at: datetime,
        now: datetime,
    ) -> SignedPart:
        """Sign the URL to send one part; S3 itself refuses another length or other bytes."""
        self._check_request(part)
        single = read_small_file(upload_ref)
        if single is not None:
            if not single.is_all([part]):
                raise refusals.upload.CLOSED_IN_STORE()
            query: dict[str, str] = {}
            headers = single.headers(self._bucket.encryption())
        else:
            query, headers = part_fields(part.number, upload_ref, part.size, self._digest(part))
        bucket, life = self._bucket, expires_at - now
        url = await bucket.sign("PUT", bucket.url(key), query, headers, life)
        return SignedPart(
            number=part.number, method="PUT", url=url, headers=headers, expires_at=expires_at
        )

    async def read_url(
        self,
        key: str,
        *,
        expires_at: datetime,
        now: datetime,
        download_name: str | None = None,
        app: str = "",  # noqa: ARG002 - the store itself bounds its readers
    ) -> str:
        """Sign the URL to read a file, as a download that browsers neither show nor cache."""
        url, query = self._bucket.url(key), read_fields(download_name or "")
        return await self._bucket.sign("GET", url, query, {}, expires_at - now)

    async def put_part(self, key: str, upload_ref: str, part: PartRequest, data: bytes) -> Part:
        """Store a part of a multipart upload."""
        return await self._bucket.put_part(key, upload_ref, part, data)

    async def copy_part(
        self, key: str, upload_ref: str, part: PartRequest, held: HeldPart
    ) -> Part | None:
        """Copy a part within S3, if the etag shows that it is what was accepted."""
        return await copy_part(self._bucket, key, upload_ref, part, held)

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Return the parts of an open upload; S3 keeps their md5 as etag, and no sha256."""
        return await self._held(key, upload_ref) or []

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Assemble the object from exactly ``parts``; repeatable.

        If an earlier call was cut off after S3 had finished, the upload is gone but the object has
        the size and etag of these parts; the call then succeeds. Raises ``OutsideError``
        (``store_unsuitable``) for a store that no longer verifies what it did at start.
        """
        if self._trust is not None:
            await self._trust.renew(self._bucket.wall())
        ordered = sorted(parts, key=lambda part: part.number)
        held = await self._held(key, upload_ref)
        if held is None:
            check_same(await self._bucket.head(key), parts)
            return ordered
        if read_small_file(upload_ref):
            check_parts(parts, min_part_size=0, max_parts=self.max_parts, held=held)
            return ordered
        chosen = check_parts(
            parts, min_part_size=self.min_part_size, max_parts=self.max_parts, held=held
        )
        try:
            done = await self._bucket.complete_upload(key, upload_ref, chosen)
        except OutsideError as refused:
            # Ceph RGW cannot complete an upload that holds more, nor delete single parts of it.
            more = any(part.number > len(chosen) for part in held)
            if more and refused.code == "store_unsuitable":
                raise HoldsMoreError from refused
            raise
        if not done:
            check_same(await self._bucket.head(key), parts)
        return ordered

    async def complete_all(
        self, files: Sequence[Assembly]
    ) -> list[list[Part] | PlatformError | HoldsMoreError]:
        """Complete several uploads at the same time; raises what :meth:`complete` does."""
        if self._trust is not None:
            await self._trust.renew(self._bucket.wall())
        arrived = await arrived_files(files, self._bucket.listed)

        async def one(file: Assembly) -> list[Part] | PlatformError | HoldsMoreError:
            held = arrived.get(file.key)
            try:
                if held is None:
                    return await self.complete(file.key, file.upload_ref, file.parts)
                check_parts(file.parts, min_part_size=0, max_parts=self.max_parts, held=held)
            except (PlatformError, HoldsMoreError) as refused:
                return refused
            return list(file.parts)

        return await in_parallel(one, files)

    async def abort(self, key: str, upload_ref: str) -> None:
        """Close the upload and free its parts; a completed file stays.

        The object of a plain PUT is removed, since it was not accepted. Its URL can create it again
        until it expires; a sweep finds that.
        """
        if read_small_file(upload_ref):
            await self.delete(key)
            return
        await self._bucket.abort_upload(key, upload_ref)

    async def size(self, key: str) -> int:
        """Return the size of the completed file in bytes; raise ``NotFound``."""
        return await self._bucket.size(key)

    def stream(
        self, key: str, start: int = 0, end: int | None = None, *, step: int = READ_STEP
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, excluded, reconnecting if necessary."""
        return self._bucket.stream(key, start, end, step)

    async def delete(self, key: str) -> None:
        """Remove the completed file; harmless when there is none."""
        await self._bucket.delete(key)

    async def is_own(self) -> bool:
        """Return True, as the address means the same store everywhere."""
        return True

    def unfinished(self) -> AsyncIterator[OpenUpload]:
        """Yield every open upload under the prefix."""
        return self._bucket.open_uploads()

    def files(self) -> AsyncIterator[str]:
        """Yield the keys of our objects under the prefix."""
        return self._bucket.keys_of_objects()

    async def check(self) -> None:
        """Check bucket, permissions, keys, clock and encryption, then probe the capabilities.

        Raises ``OutsideError`` as every call, ``bucket_missing``, and ``store_unsuitable``.
        """
        bucket, sse = self._bucket, self._bucket.encryption()
        client, own, probe = bucket.client, bucket.address, probe_of(bucket)
        with store_errors():
            async with asyncio.timeout(_CHECK_SECONDS):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await check_answer(client, own.bucket, own.prefix)
                await check_rights(client, own.bucket, own.prefix, sse, bucket.wall())
                capabilities = await probe_capabilities(probe)
        self.max_parts = capabilities.max_parts
        verifies = capabilities.verifies_sha256 or capabilities.checks_digests
        self.compare_etags = not verifies
        self._exclusive = capabilities.replaces_nothing and verifies
        if capabilities.verifies_sha256:
            self.checksums = ("sha256",)
            self._trust = DigestTrust(probe, bucket.wall())

    def _digest(self, part: PartRequest) -> str:
        return (part.md5 or "") if "md5" in self.checksums else part.sha256

    async def _held(self, key: str, upload_ref: str) -> list[Part] | None:
        if single := read_small_file(upload_ref):
            return single.parts(await self._bucket.head(key))
        return await self._bucket.list_parts(key, upload_ref)

    async def _is_exclusive(self) -> bool:
        """Return whether a conditional PUT replaces nothing; tried once, with three calls."""
        async with self._trying:
            if self._exclusive is None:
                with store_errors():
                    self._exclusive = await replaces_nothing(probe_of(self._bucket))
        return self._exclusive

    def _check_request(self, part: PartRequest) -> None:
        size, parts = self.max_part_size, self.max_parts
        check_request(part, max_part_size=size, max_parts=parts, checksums=self.checksums)

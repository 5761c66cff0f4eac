"""The object store on S3. A file is one object, ``prefix`` + key.

It is written by a multipart upload, or, when it is small, by one plain PUT (``single.py``).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

from botocore.exceptions import ClientError

from ferryman.clock import wall_now
from ferryman.errors import OutsideError, not_found
from ferryman.ids import passing_id
from ferryman.objects.disposition import disposition
from ferryman.objects.incoming import upload_closed
from ferryman.objects.parts import check_parts, check_request
from ferryman.objects.port import HoldsMoreError, Part, SignedPart, Unfinished
from ferryman.objects.s3.address import S3Address, base_of
from ferryman.objects.s3.bench import CHECK_NAME, Bench
from ferryman.objects.s3.checking import check_answer, check_rights
from ferryman.objects.s3.presign import Keys, part_fields, presign
from ferryman.objects.s3.refusals import GONE, code_of, etag_of, store_errors
from ferryman.objects.s3.single import MARK, Single, keeps_to_condition, read_single
from ferryman.objects.s3.trials import MAX_PARTS, try_habits
from ferryman.objects.signing import is_key
from ferryman.wire.upload import PartRequest, StoredPart

_READ = 1 << 20
_STREAM_TRIES = 3
_ANSWER_SECONDS, _CHECK_SECONDS = 15.0, 120.0
"""For a store's first answer when the platform starts, and for all that is tried then."""

_TRIAL_LIFE = timedelta(minutes=5)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_JOINED = re.compile(r"[0-9a-f]{32}-[0-9]+", re.ASCII)


class S3Store:
    """Files in the bucket of ``address``; ``client`` is one of aiobotocore, shared by all calls.

    ``keys`` gives the access key of the moment, ``wall`` real time: a store knows no other, so a
    URL holds for as long from now as it was to hold on the platform's clock.
    """

    min_part_size = 5 << 20
    max_part_size = 1 << 30
    checksums: tuple[str, ...] = ("sha256", "md5")

    def __init__(
        self,
        client: Any,
        keys: Callable[[], Awaitable[Keys]],
        address: S3Address,
        *,
        region: str,
        endpoint: str,
        public_endpoint: str,
        part_size: int = 8 << 20,
        wall: Callable[[], datetime] = wall_now,
    ) -> None:
        self.part_size = part_size
        self.endpoint = endpoint
        self.max_parts = address.max_parts or MAX_PARTS
        self.compare_etags = False
        self._client = client
        self._keys = keys
        self._address = address
        self._region = region
        self._own_base = base_of(address, endpoint)
        self._base = base_of(address, public_endpoint)
        self._wall = wall
        self._exclusive: bool | None = None
        self._trying = asyncio.Lock()

    async def begin(self, key: str) -> str:
        """Open a multipart upload; its reference is S3's upload id."""
        with store_errors():
            answer = await self._client.create_multipart_upload(
                **self._object(key), **self._encryption(), ContentType="application/octet-stream"
            )
        return str(answer["UploadId"])

    async def begin_single(self, part: PartRequest) -> str | None:
        """A reference to one plain PUT of exactly these bytes, for a part below 5 MiB."""
        self._check_request(part)
        if part.number != 1 or part.size >= self.min_part_size or not await self._is_exclusive():
            return None
        return str(Single(part.size, part.md5 or ""))

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """A multipart upload is opened for parts that are not the one of a plain PUT."""
        single = read_single(upload_ref)
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
        """Sign the sending of one part: S3 itself refuses another length or other bytes."""
        self._check_request(part)
        single = read_single(upload_ref)
        if single is not None:
            if not single.is_all([part]):
                raise upload_closed()
            query: dict[str, str] = {}
            headers = single.headers(self._encryption())
        else:
            query, headers = part_fields(part.number, upload_ref, part.size, part.md5 or "")
        url = await self._sign("PUT", self._url(key), query, headers, expires_at - now)
        return SignedPart(
            number=part.number, method="PUT", url=url, headers=headers, expires_at=expires_at
        )

    async def read_url(
        self, key: str, *, expires_at: datetime, now: datetime, download_name: str | None = None
    ) -> str:
        """Sign the reading of one file, as a download that no browser shows or keeps."""
        query = {
            "response-cache-control": "private, no-store",
            "response-content-disposition": disposition(download_name or ""),
            "response-content-type": "application/octet-stream",
        }
        return await self._sign("GET", self._url(key), query, {}, expires_at - now)

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Parts that an open upload holds; S3 keeps their md5 as etag, and no sha256."""
        return await self._held(key, upload_ref) or []

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Make the object of exactly ``parts``.

        Killed or cut off after S3 had done it, the same call finds no upload any more but the
        object, which has the size and the etag that these parts make: then it is done.
        """
        ordered = sorted(parts, key=lambda part: part.number)
        held = await self._held(key, upload_ref)
        if held is None:
            await self._check_same(key, parts)
            return ordered
        if read_single(upload_ref):
            check_parts(parts, min_part_size=0, max_parts=self.max_parts, held=held)
            return ordered
        chosen = check_parts(
            parts, min_part_size=self.min_part_size, max_parts=self.max_parts, held=held
        )
        try:
            done = await self._join(key, upload_ref, chosen)
        except OutsideError as refused:
            # Ceph RGW completes no upload that holds more; its parts cannot be deleted singly.
            more = any(part.number > len(chosen) for part in held)
            if more and refused.code == "store_unsuitable":
                raise HoldsMoreError from refused
            raise
        if not done:
            await self._check_same(key, parts)
        return ordered

    async def _join(self, key: str, upload_ref: str, parts: Sequence[Part]) -> bool:
        """Complete the multipart upload; False when there is none any more."""
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with store_errors():
            try:
                await self._client.complete_multipart_upload(
                    **self._object(key), UploadId=upload_ref, MultipartUpload={"Parts": listed}
                )
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return False
        return True

    async def abort(self, key: str, upload_ref: str) -> None:
        """Close the upload and free its parts; a completed file stays.

        Of a plain PUT the object is removed: whoever aborts knows that it is not accepted. Its
        URL may bring it again, until it expires; a sweep finds that.
        """
        if read_single(upload_ref):
            await self.delete(key)
            return
        with store_errors():
            try:
                await self._client.abort_multipart_upload(**self._object(key), UploadId=upload_ref)
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise

    async def size(self, key: str) -> int:
        """Size of the completed file in bytes; raises ``NotFound``."""
        found = await self._head(key)
        if found is None:
            raise not_found("object", key)
        return int(found["ContentLength"])

    async def stream(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to and without ``end``; a broken connection is taken up."""
        tries = 0
        while end is None or start < end:
            begun = start
            try:
                async for chunk in self._read(key, start, end):
                    start += len(chunk)
                    yield chunk
            except OutsideError:
                tries = tries + 1 if start == begun else 1
                if tries == _STREAM_TRIES:
                    raise
            else:
                return

    async def delete(self, key: str) -> None:
        """Remove the completed file; harmless when there is none."""
        with store_errors():
            await self._client.delete_object(**self._object(key))

    async def is_own(self) -> bool:
        """Always: its address is the same from everywhere."""
        return True

    async def unfinished(self) -> AsyncIterator[Unfinished]:
        """Every open upload under the prefix."""
        with store_errors():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._address.bucket, Prefix=self._address.prefix
            )
            async for page in pages:
                for each in page.get("Uploads", ()):
                    key = each["Key"].removeprefix(self._address.prefix)
                    if is_key(key):
                        yield Unfinished(key, each["UploadId"], each["Initiated"])

    async def files(self) -> AsyncIterator[str]:
        """The key of every object under the prefix that is one of ours."""
        with store_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._address.bucket, Prefix=self._address.prefix
            )
            async for page in pages:
                for each in page.get("Contents", ()):
                    key = each["Key"].removeprefix(self._address.prefix)
                    if is_key(key):
                        yield key

    async def check(self) -> None:
        """Try all that will be needed: bucket, rights, keys, clock, encryption; then its habits.

        Raises ``OutsideError`` (``bucket_missing`` and what every call may raise), and
        ``ConfigError`` (``store_unsuitable``) for a store that must not be used as it is.
        """
        own, now = self._address, self._wall()

        async def sign(name: str, query: dict[str, str], headers: dict[str, str]) -> str:
            # The public endpoint need not be reachable from here.
            return await self._sign("PUT", self._own_base + name, query, headers, _TRIAL_LIFE)

        bench = Bench(self._client, own, self._encryption(), sign)
        with store_errors():
            async with asyncio.timeout(_CHECK_SECONDS):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await check_answer(self._client, own.bucket, own.prefix)
                await check_rights(self._client, own.bucket, own.prefix, self._encryption(), now)
                habits = await try_habits(bench)
        self.max_parts = habits.max_parts
        self.compare_etags = not habits.checks_digests
        self._exclusive = habits.replaces_nothing and habits.checks_digests

    async def _held(self, key: str, upload_ref: str) -> list[Part] | None:
        """The parts of an upload by number; None when it is closed."""
        if single := read_single(upload_ref):
            return await self._held_single(key, single)
        held: list[Part] = []
        with store_errors():
            try:
                pages = self._client.get_paginator("list_parts").paginate(
                    **self._object(key), UploadId=upload_ref
                )
                async for page in pages:
                    held += [
                        StoredPart(number=each["PartNumber"], size=each["Size"], etag=etag_of(each))
                        for each in page.get("Parts", ())
                    ]
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return None
        return sorted(held, key=lambda part: part.number)

    async def _held_single(self, key: str, single: Single) -> list[Part]:
        """The object as the only part.

        No other bytes than those of ``single`` were ever signed for it, so its size and mark
        tell; its etag need not be an md5 (KMS), so the one that was signed is given.
        """
        found = await self._head(key)
        if found is None or found["ContentLength"] != single.size or not _is_single(found):
            return []
        return [StoredPart(number=1, size=single.size, etag=single.md5)]

    async def _is_exclusive(self) -> bool:
        """Whether a conditional PUT replaces nothing here; tried out once, with three calls."""
        async with self._trying:
            if self._exclusive is None:
                name = f"{self._address.prefix}{CHECK_NAME}-{passing_id()}"
                with store_errors():
                    self._exclusive = await keeps_to_condition(
                        self._client,
                        {"Bucket": self._address.bucket, "Key": name},
                        self._encryption(),
                    )
        return self._exclusive

    async def _check_same(self, key: str, parts: Sequence[Part]) -> None:
        found = await self._head(key)
        if found is None or found["ContentLength"] != sum(part.size for part in parts):
            raise upload_closed()
        if _is_single(found):
            raise upload_closed()  # sent before this upload was opened in its place
        made = etag_of(found)
        # Under a key of KMS, and in stores of another habit, an etag says nothing of the bytes.
        telling = found.get("ServerSideEncryption") != "aws:kms" and _JOINED.fullmatch(made)
        if telling and made != joined_etag(parts):
            raise upload_closed()

    async def _head(self, key: str) -> dict[str, Any] | None:
        with store_errors():
            try:
                found: dict[str, Any] = await self._client.head_object(**self._object(key))
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return None
        return found

    async def _read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        last = "" if end is None else end - 1
        # An empty file has no range at all.
        wanted = {"Range": f"bytes={start}-{last}"} if start or end is not None else {}
        with store_errors():
            try:
                answer = await self._client.get_object(**self._object(key), **wanted)
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                raise not_found("object", key) from None
            async with answer["Body"] as body:
                while chunk := await body.read(_READ):
                    yield chunk

    async def _sign(
        self,
        method: str,
        url: str,
        query: dict[str, str],
        headers: dict[str, str],
        life: timedelta,
    ) -> str:
        with store_errors():
            keys = await self._keys()
        return presign(
            method,
            url,
            query=query,
            headers=headers,
            keys=keys,
            region=self._region,
            at=self._wall(),
            life=life,
        )

    def _check_request(self, part: PartRequest) -> None:
        check_request(
            part,
            max_part_size=self.max_part_size,
            max_parts=self.max_parts,
            checksums=self.checksums,
        )

    def _url(self, key: str) -> str:
        return self._base + self._object(key)["Key"]

    def _object(self, key: str) -> dict[str, str]:
        if not is_key(key):
            raise not_found("object", key)
        return {"Bucket": self._address.bucket, "Key": f"{self._address.prefix}{key}"}

    def _encryption(self) -> dict[str, str]:
        chosen = {
            "ServerSideEncryption": self._address.sse,
            "SSEKMSKeyId": self._address.kms_key,
        }
        return {name: value for name, value in chosen.items() if value}


def _is_single(found: dict[str, Any]) -> bool:
    return bool(found.get("Metadata", {}).get("upload") == MARK)


def joined_etag(parts: Sequence[Part]) -> str | None:
    """The etag that S3 gives an object of these parts; None when theirs are no md5."""
    etags = [part.etag.strip('"') for part in sorted(parts, key=lambda part: part.number)]
    if not all(_MD5.fullmatch(etag) for etag in etags):
        return None
    digests = b"".join(map(bytes.fromhex, etags))
    return f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(etags)}"

"""The calls of S3 that the store makes, for objects in one bucket."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ferryman import refusals
from ferryman.clock import wall_now
from ferryman.errors import OutsideError
from ferryman.objects.port import OpenUpload, Part
from ferryman.objects.s3.address import S3Address, base_of
from ferryman.objects.s3.errors import GONE, code_of, store_errors
from ferryman.objects.s3.etags import etag_of
from ferryman.objects.s3.presign import AccessKeys, presign
from ferryman.objects.signed_url import is_key
from ferryman.wire.upload import PartRequest, StoredPart

_STREAM_TRIES = 3


class S3Bucket:
    """Calls of S3 for objects named ``prefix`` + key; ``client`` is from aiobotocore.

    ``keys`` returns the current access key, ``wall`` real time, by which S3 judges a signature.
    Each method raises ``OutsideError`` for what S3 refuses, ``NotFound`` for a malformed key.
    """

    def __init__(
        self,
        client: Any,
        keys: Callable[[], Awaitable[AccessKeys]],
        address: S3Address,
        *,
        region: str,
        endpoint: str,
        public_endpoint: str,
        wall: Callable[[], datetime] = wall_now,
    ) -> None:
        self.client = client
        self.address = address
        self.wall = wall
        self.endpoint = endpoint
        self.own_base = base_of(address, endpoint)
        self.public_base = base_of(address, public_endpoint)
        self._keys = keys
        self._region = region

    async def create_upload(self, key: str) -> str:
        """Open a multipart upload, and return S3's id of it."""
        with store_errors():
            answer = await self.client.create_multipart_upload(
                **self.name(key), **self.encryption(), ContentType="application/octet-stream"
            )
        return str(answer["UploadId"])

    async def put_part(self, key: str, upload_id: str, part: PartRequest, data: bytes) -> Part:
        """Store a part of a multipart upload."""
        proof = {"ContentMD5": b64encode(bytes.fromhex(part.md5)).decode()} if part.md5 else {}
        with store_errors():
            answer = await self.client.upload_part(
                **self.name(key), UploadId=upload_id, PartNumber=part.number, Body=data, **proof
            )
        return StoredPart(number=part.number, size=part.size, etag=etag_of(answer))

    async def list_parts(self, key: str, upload_id: str) -> list[Part] | None:
        """Return the parts of an upload by number, with md5 etags; None if it is closed."""
        held: list[Part] = []
        with store_errors():
            try:
                pages = self.client.get_paginator("list_parts").paginate(
                    **self.name(key), UploadId=upload_id
                )
                async for page in pages:
                    held += [
                        StoredPart(
                            number=entry["PartNumber"], size=entry["Size"], etag=etag_of(entry)
                        )
                        for entry in page.get("Parts", ())
                    ]
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return None
        return sorted(held, key=lambda part: part.number)

    async def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> bool:
        """Join the parts of a multipart upload; return False if the upload is closed."""
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with store_errors():
            try:
                await self.client.complete_multipart_upload(
                    **self.name(key), UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return False
        return True

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Close a multipart upload and free its parts; harmless if it is closed."""
        with store_errors():
            try:
                await self.client.abort_multipart_upload(**self.name(key), UploadId=upload_id)
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise

    async def head(self, key: str) -> dict[str, Any] | None:
        """Return S3's description of an object; None if there is none."""
        with store_errors():
            try:
                answer: dict[str, Any] = await self.client.head_object(**self.name(key))
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return None
        return answer

    async def size(self, key: str) -> int:
        """Return the size of the object in bytes; raise ``NotFound``."""
        head = await self.head(key)
        if head is None:
            raise refusals.upload.OBJECT_NOT_FOUND(id=key)
        return int(head["ContentLength"])

    async def listed(self, start: str) -> dict[str, tuple[int, str]]:
        """Return size and etag of the objects whose keys begin with ``start``, up to 1,000."""
        with store_errors():
            page = await self.client.list_objects_v2(
                Bucket=self.address.bucket, Prefix=self.address.prefix + start
            )
        return {
            self._key(entry): (entry["Size"], etag_of(entry)) for entry in page.get("Contents", ())
        }

    async def read(self, key: str, start: int, end: int | None, step: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, excluded; raise ``NotFound``."""
        last = "" if end is None else end - 1
        # An empty file has no valid range.
        headers = {"Range": f"bytes={start}-{last}"} if start or end is not None else {}
        with store_errors():
            try:
                answer = await self.client.get_object(**self.name(key), **headers)
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                raise refusals.upload.OBJECT_NOT_FOUND(id=key) from None
            body = answer["Body"]
            async with body:  # aiobotocore 3.1 enters what it wraps, which reads no pieces
                while chunk := await body.read(step):
                    yield chunk

    async def stream(
        self, key: str, start: int, end: int | None, step: int
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, excluded, reconnecting if necessary."""
        tries = 0
        while end is None or start < end:
            begun = start
            try:
                async for chunk in self.read(key, start, end, step):
                    start += len(chunk)
                    yield chunk
            except OutsideError:
                tries = tries + 1 if start == begun else 1
                if tries == _STREAM_TRIES:
                    raise
            else:
                return

    async def delete(self, key: str) -> None:
        """Remove an object; harmless if there is none."""
        with store_errors():
            await self.client.delete_object(**self.name(key))

    async def open_uploads(self) -> AsyncIterator[OpenUpload]:
        """Yield every open multipart upload under our prefix."""
        async for upload in self._pages("list_multipart_uploads", "Uploads"):
            if is_key(key := self._key(upload)):
                yield OpenUpload(key, upload["UploadId"], upload["Initiated"])

    async def keys_of_objects(self) -> AsyncIterator[str]:
        """Yield the key of every object under our prefix."""
        async for entry in self._pages("list_objects_v2", "Contents"):
            if is_key(key := self._key(entry)):
                yield key

    async def sign(
        self,
        method: str,
        url: str,
        query: dict[str, str],
        headers: dict[str, str],
        life: timedelta,
    ) -> str:
        """Return a signed URL that is valid for ``life`` from now."""
        with store_errors():
            keys = await self._keys()
        return presign(
            method,
            url,
            query=query,
            headers=headers,
            keys=keys,
            region=self._region,
            at=self.wall(),
            life=life,
        )

    def url(self, key: str) -> str:
        """Return the public URL of an object, without a signature."""
        return self.public_base + self.name(key)["Key"]

    def name(self, key: str) -> dict[str, str]:
        """Return bucket and name of an object, as arguments of a call."""
        if not is_key(key):
            raise refusals.upload.OBJECT_NOT_FOUND(id=key)
        return {"Bucket": self.address.bucket, "Key": f"{self.address.prefix}{key}"}

    def encryption(self) -> dict[str, str]:
        """Return the chosen encryption, as arguments of a call."""
        chosen = {
            "ServerSideEncryption": self.address.sse,
            "SSEKMSKeyId": self.address.kms_key,
        }
        return {name: value for name, value in chosen.items() if value}

    async def _pages(self, call: str, member: str) -> AsyncIterator[dict[str, Any]]:
        with store_errors():
            pages = self.client.get_paginator(call).paginate(
                Bucket=self.address.bucket, Prefix=self.address.prefix
            )
            async for page in pages:
                for entry in page.get(member, ()):
                    yield entry

    def _key(self, listed: dict[str, Any]) -> str:
        return str(listed["Key"]).removeprefix(self.address.prefix)

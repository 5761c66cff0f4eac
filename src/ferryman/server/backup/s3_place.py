"""A backup in a bucket of S3, under a prefix; also fills the prefix of an object store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from ferryman.objects.s3.address import parse_address
from ferryman.objects.s3.bucket import S3Bucket
from ferryman.objects.s3.client import s3_bucket
from ferryman.objects.s3.errors import GONE, code_of, store_errors
from ferryman.server.backup.place import STEP, Written

_PART = 16 << 20


@asynccontextmanager
async def s3_place(address: str) -> AsyncIterator["S3Place"]:
    """Yield the place at ``s3://bucket/prefix?option=value``, with keys from the AWS chain."""
    async with s3_bucket(parse_address(address)) as bucket:
        yield S3Place(bucket)


class S3Place:
    """Files of a backup as objects. A write is durable once S3 has answered."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket
        self._client = bucket.client
        self._own = bucket.address

    def __str__(self) -> str:
        """Return bucket and prefix."""
        return f"s3://{self._own.bucket}/{self._own.prefix}"

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> Written:
        """Write an object: by one PUT if it is small, else part by part."""
        digest, size, held = sha256(), 0, bytearray()
        upload: _Upload | None = None
        try:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                held += chunk
                # S3 takes 10,000 parts: later ones are larger, so that any file fits.
                if len(held) >= _PART * (1 + size // (_PART * 5_000)):
                    upload = upload or await _Upload.begin(
                        self._client, self._name(name), self._sse
                    )
                    await upload.add(bytes(held))
                    held.clear()
            if upload is None:
                with store_errors():
                    await self._client.put_object(**self._name(name), **self._sse, Body=bytes(held))
            else:
                if held:
                    await upload.add(bytes(held))
                await upload.complete()
        except BaseException:
            if upload is not None:
                await upload.abort()
            raise
        return Written(size, digest.hexdigest())

    async def get(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of an object; raises FileNotFoundError."""
        with store_errors():
            try:
                answer = await self._client.get_object(**self._name(name))
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                answer = None
            if answer is not None:
                async with answer["Body"] as body:
                    while chunk := await body.read(STEP):
                        yield chunk
        if answer is None:
            raise FileNotFoundError(name)

    async def size(self, name: str) -> int | None:
        """Return the size of an object; None if there is none."""
        with store_errors():
            try:
                head = await self._client.head_object(**self._name(name))
            except ClientError as error:
                if code_of(error) not in GONE:
                    raise
                return None
        return int(head["ContentLength"])

    async def files(self, under: str) -> AsyncIterator[tuple[str, int]]:
        """Yield name and size of the objects that begin with ``under``, in order."""
        with store_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._own.bucket, Prefix=self._own.prefix + under
            )
            async for page in pages:
                for entry in page.get("Contents", ()):
                    yield str(entry["Key"]).removeprefix(self._own.prefix), int(entry["Size"])

    async def delete(self, name: str) -> None:
        """Remove an object; harmless if there is none."""
        with store_errors():
            await self._client.delete_object(**self._name(name))

    async def flush(self) -> None:
        """Do nothing: what S3 has answered is durable."""

    def _name(self, name: str) -> dict[str, str]:
        return {"Bucket": self._own.bucket, "Key": f"{self._own.prefix}{name}"}

    @property
    def _sse(self) -> dict[str, str]:
        return self._bucket.encryption()


class _Upload:
    """An object that is written part by part."""

    def __init__(self, client: Any, name: dict[str, str], upload_id: str) -> None:
        self._client, self._name, self._id = client, name, upload_id
        self._parts: list[dict[str, Any]] = []

    @classmethod
    async def begin(cls, client: Any, name: dict[str, str], sse: dict[str, str]) -> "_Upload":
        with store_errors():
            answer = await client.create_multipart_upload(**name, **sse)
        return cls(client, name, str(answer["UploadId"]))

    async def add(self, data: bytes) -> None:
        number = len(self._parts) + 1
        with store_errors():
            answer = await self._client.upload_part(
                **self._name, UploadId=self._id, PartNumber=number, Body=data
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    async def complete(self) -> None:
        with store_errors():
            await self._client.complete_multipart_upload(
                **self._name, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )

    async def abort(self) -> None:
        with store_errors():
            await self._client.abort_multipart_upload(**self._name, UploadId=self._id)

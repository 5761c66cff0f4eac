"""Tools to probe a store: scratch objects, and signed URLs like those of apps."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import md5, sha256
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from ferryman.ids import ephemeral_id
from ferryman.objects.s3.address import S3Address
from ferryman.objects.s3.bucket import S3Bucket
from ferryman.objects.s3.errors import GONE, code_of, refusal_of
from ferryman.objects.s3.presign import part_fields

CHECK_NAME = "ferryman-check"
"""Prefix of the keys of all scratch objects."""

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_TRIES = 3
_PAUSE_SECONDS = 0.2
_URL_LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Probe:
    """Tools to probe a store; ``sign`` signs a PUT of a key with a query and headers."""

    client: Any
    address: S3Address
    encryption: Mapping[str, str]
    sign: Callable[[str, dict[str, str], dict[str, str]], Awaitable[str]]

    def name(self) -> dict[str, str]:
        """Return bucket and key of an unused object."""
        key = f"{self.address.prefix}{CHECK_NAME}-{ephemeral_id()}"
        return {"Bucket": self.address.bucket, "Key": key}

    @asynccontextmanager
    async def upload(self) -> AsyncIterator["ProbeUpload"]:
        """Open a multipart upload that leaves nothing behind, completed or not."""
        name = self.name()
        begun = await self.client.create_multipart_upload(**name, **self.encryption)
        try:
            yield ProbeUpload(self, name, begun["UploadId"])
        finally:
            try:
                await abort(self.client, name, begun["UploadId"])
            finally:
                await self.client.delete_object(**name)

    async def put(
        self,
        name: Mapping[str, str],
        query: dict[str, str],
        headers: dict[str, str],
        body: bytes,
        *,
        without: str = "",
    ) -> "ProbeAnswer":
        """Send ``body`` to a signed URL with exactly these headers, as an app does.

        The header ``without`` is signed, and not sent.
        """
        url = await self.sign(name["Key"], query, headers)
        # The client's own session, which has the proxy and certificates for this store.
        sent = {header: text for header, text in headers.items() if header != without}
        session = self.client._endpoint.http_session  # noqa: SLF001
        for tries in range(_TRIES):
            await asyncio.sleep(_PAUSE_SECONDS * tries)
            request = AWSRequest("PUT", url, headers=sent, data=body).prepare()
            response = await session.send(request)
            match = _CODE.search(await response.content)
            answer = ProbeAnswer(
                status=response.status_code,
                etag=response.headers.get("etag", "").strip('"'),
                code=match[1].decode() if match else "",
            )
            if not answer.passing:
                break
        return answer


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """A store's answer to a signed URL; ``code`` is set only for a refusal."""

    status: int
    etag: str
    code: str

    @property
    def taken(self) -> bool:
        """Return whether the bytes were accepted."""
        return self.status == 200

    @property
    def passing(self) -> bool:
        """Return whether the failure is temporary, and proves nothing about the store."""
        return self.status in (429, 500, 502, 503, 504)

    def check(self) -> None:
        """Raise the error for bytes that the store should have accepted."""
        if not self.taken:
            raise refusal_of(self.code, self.status, "a PUT to a signed URL")


@dataclass(frozen=True, slots=True)
class ProbeUpload:
    """A multipart upload of a probe."""

    probe: Probe
    name: Mapping[str, str]
    upload_id: str

    async def put(
        self,
        number: int,
        body: bytes,
        *,
        signed_for: bytes | None = None,
        digest_of: Callable[[bytes], str] | None = None,
        without: str = "",
    ) -> ProbeAnswer:
        """Send a part; ``signed_for`` are the bytes that the URL was signed for, if they differ.

        ``digest_of`` is ``md5_of`` by default; ``without`` is as in :meth:`Probe.put`.
        """
        digest = (digest_of or md5_of)(signed_for or body)
        query, headers = part_fields(number, self.upload_id, len(body), digest)
        return await self.probe.put(self.name, query, headers, body, without=without)

    async def complete(self, number: int, etag: str) -> None:
        """Complete the upload with this one part."""
        await self.probe.client.complete_multipart_upload(
            **self.name,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": f'"{etag}"'}]},
        )

    async def read(self) -> bytes:
        """Return the content of the object."""
        async with (await self.probe.client.get_object(**self.name))["Body"] as body:
            content: bytes = await body.read()
            return content


def probe_of(bucket: S3Bucket) -> Probe:
    """Return the tools to probe the store of a bucket, at the platform's own endpoint."""

    async def sign(name: str, query: dict[str, str], headers: dict[str, str]) -> str:
        # The public endpoint need not be reachable from here.
        return await bucket.sign("PUT", bucket.own_base + name, query, headers, _URL_LIFE)

    return Probe(bucket.client, bucket.address, bucket.encryption(), sign)


async def abort(client: Any, name: Mapping[str, str], upload_id: str) -> None:
    """Abort an upload, even one that is already closed."""
    try:
        await client.abort_multipart_upload(**name, UploadId=upload_id)
    except ClientError as error:
        if code_of(error) not in GONE:
            raise


def md5_of(data: bytes) -> str:
    """Return the md5 of bytes in hex, as S3 compares them."""
    return md5(data, usedforsecurity=False).hexdigest()


def sha256_of(data: bytes) -> str:
    """Return the sha256 of bytes in hex."""
    return sha256(data).hexdigest()

"""What a trial of a store works with: objects of its own, and signed URLs like those of apps."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from ferryman.ids import passing_id
from ferryman.objects.s3.address import S3Address
from ferryman.objects.s3.presign import part_fields
from ferryman.objects.s3.refusals import GONE, code_of, refusal_of

CHECK_NAME = "ferryman-check"
"""How the keys begin of whatever is only tried."""

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_TRIES = 3
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Bench:
    """What a trial works with; ``sign`` signs a PUT of a key with a query and headers."""

    client: Any
    address: S3Address
    encryption: Mapping[str, str]
    sign: Callable[[str, dict[str, str], dict[str, str]], Awaitable[str]]

    def name(self) -> dict[str, str]:
        """An object that nothing else uses."""
        key = f"{self.address.prefix}{CHECK_NAME}-{passing_id()}"
        return {"Bucket": self.address.bucket, "Key": key}

    @asynccontextmanager
    async def upload(self) -> AsyncIterator["Scratch"]:
        """A multipart upload that leaves nothing behind, completed or not."""
        name = self.name()
        begun = await self.client.create_multipart_upload(**name, **self.encryption)
        try:
            yield Scratch(self, name, begun["UploadId"])
        finally:
            try:
                await abort(self.client, name, begun["UploadId"])
            finally:
                await self.client.delete_object(**name)

    async def put(
        self, name: Mapping[str, str], query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> "Answer":
        """Send ``body`` to a signed URL, with just these headers, as an app does."""
        url = await self.sign(name["Key"], query, headers)
        # The client's own session: it knows the proxy and the certificates of this store.
        session = self.client._endpoint.http_session  # noqa: SLF001
        for tries in range(_TRIES):
            await asyncio.sleep(_PAUSE_SECONDS * tries)
            request = AWSRequest("PUT", url, headers=headers, data=body).prepare()
            response = await session.send(request)
            found = _CODE.search(await response.content)
            answer = Answer(
                status=response.status_code,
                etag=response.headers.get("etag", "").strip('"'),
                code=found[1].decode() if found else "",
            )
            if not answer.passing:
                break
        return answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store answered to a signed URL; ``code`` only where it refused."""

    status: int
    etag: str
    code: str

    @property
    def taken(self) -> bool:
        """Whether the bytes were accepted."""
        return self.status == 200

    @property
    def passing(self) -> bool:
        """Whether the answer says nothing of the store's habits: it is busy or ill."""
        return self.status in (429, 500, 502, 503, 504)

    def check(self) -> None:
        """Raise the refusal of what the store has to take."""
        if not self.taken:
            raise refusal_of(self.code, self.status, "a PUT to a signed URL")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A multipart upload of a trial."""

    bench: Bench
    name: Mapping[str, str]
    upload_id: str

    async def put(self, number: int, body: bytes, *, signed_for: bytes | None = None) -> Answer:
        """Send a part; ``signed_for`` are the bytes that the URL names, where they are others."""
        digest = md5_of(signed_for or body)
        query, headers = part_fields(number, self.upload_id, len(body), digest)
        return await self.bench.put(self.name, query, headers, body)

    async def complete(self, number: int, etag: str) -> None:
        """Make the object of this one part."""
        await self.bench.client.complete_multipart_upload(
            **self.name,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": f'"{etag}"'}]},
        )

    async def read(self) -> bytes:
        """What the object holds."""
        async with (await self.bench.client.get_object(**self.name))["Body"] as body:
            content: bytes = await body.read()
            return content


async def abort(client: Any, name: Mapping[str, str], upload_id: str) -> None:
    """Give an upload up, also one that is closed already."""
    try:
        await client.abort_multipart_upload(**name, UploadId=upload_id)
    except ClientError as error:
        if code_of(error) not in GONE:
            raise


def md5_of(data: bytes) -> str:
    """The md5 of bytes as S3 compares them, in hex."""
    return md5(data, usedforsecurity=False).hexdigest()

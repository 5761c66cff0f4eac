"""Store a small file with one plain PUT, which the store accepts only once (ADR 0022).

A multipart upload of one part costs four calls of the store, a plain PUT one. Its URL stays valid
after the file is complete, so it sends ``If-None-Match: *``: an existing object is never replaced.
For a store that ignores this condition, multipart uploads are used instead.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ferryman.in_parallel import in_parallel
from ferryman.objects.port import Assembly, Part
from ferryman.objects.s3.errors import code_of
from ferryman.objects.s3.etags import MARK, etag_of, is_plain, is_single
from ferryman.objects.s3.presign import SHA256_DIGITS, body_headers
from ferryman.wire.upload import PartRequest, StoredPart

_SPELLED = re.compile(r"put:([0-9]{1,16}):([0-9a-f]{32}|[0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SmallFile:
    """The only bytes that such an upload takes; ``str()`` is its reference.

    ``digest`` is their sha256 if the store verifies that, else their md5, in hex.
    """

    size: int
    digest: str

    def __str__(self) -> str:
        """Return the reference stored with the upload; ids of multipart uploads have no colon."""
        return f"put:{self.size}:{self.digest}"

    def is_all(self, parts: Sequence[PartRequest]) -> bool:
        """Return whether these parts are exactly this file."""
        return all(
            (part.number, part.size) == (1, self.size) and self.digest in (part.sha256, part.md5)
            for part in parts
        )

    def headers(self, encryption: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that its URL signs; ``encryption`` is as for a multipart upload."""
        named = body_headers(self.size, self.digest) | {
            "If-None-Match": "*",
            "x-amz-meta-upload": MARK,
        }
        return named | {_ENCRYPTION[name]: value for name, value in encryption.items()}

    def parts(self, head: Mapping[str, Any] | None) -> list[Part]:
        """Return the object that ``head`` describes as the only part, or none if it is another."""
        # No other bytes were ever signed for it, so size and mark suffice; its etag need not be an
        # md5 (KMS), so we return the digest that was signed.
        if head is None or head["ContentLength"] != self.size or not is_single(head):
            return []
        return [self._part(etag_of(head))]

    def parts_listed(self, size: int, etag: str) -> list[Part]:
        """Return the parts of an object by its size and etag in a list: this one part, or none.

        A list does not show the mark: the etag must be the signed md5, or that of a plain PUT in a
        store that verified the signed sha256.
        """
        plain = is_plain(etag) if len(self.digest) == SHA256_DIGITS else etag == self.digest
        return [self._part(etag)] if size == self.size and plain else []

    def _part(self, etag: str) -> Part:
        if len(self.digest) == SHA256_DIGITS:
            return StoredPart(number=1, size=self.size, etag=etag, sha256=self.digest)
        return StoredPart(number=1, size=self.size, etag=self.digest)


_ENCRYPTION = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def read_small_file(upload_ref: str) -> SmallFile | None:
    """Parse a reference; return None for that of a multipart upload."""
    match = _SPELLED.fullmatch(upload_ref)
    return None if match is None else SmallFile(int(match[1]), match[2])


_SHARED = len("00000000-0000")
"""Characters of a key that the files of a batch share; see ``ids.new_ids``."""

_WORTH_A_LIST = 8
"""Files from which on a page of the list is cheaper than a call for each."""


async def arrived_files(
    files: Sequence[Assembly], listed: Callable[[str], Awaitable[Mapping[str, tuple[int, str]]]]
) -> dict[str, list[Part]]:
    """Return the small files that the store's own list shows, by key.

    Files begun together are adjacent in it, so one call proves them all: it tells more of each than
    its description does. One that is not there may still have come, as not every store's list is up
    to date. ``listed`` returns size and etag of the objects whose keys have a common start.
    """
    small: dict[str, dict[str, SmallFile]] = defaultdict(dict)
    for file in files:
        if single := read_small_file(file.upload_ref):
            small[file.key[:_SHARED]][file.key] = single
    arrived: dict[str, list[Part]] = {}

    async def read_page(start: str) -> None:
        for key, facts in (await listed(start)).items():
            single = small[start].get(key)
            if single is not None and (held := single.parts_listed(*facts)):
                arrived[key] = held

    await in_parallel(read_page, [start for start in small if len(small[start]) >= _WORTH_A_LIST])
    return arrived


async def keeps_to_condition(
    client: Any, name: Mapping[str, str], encryption: Mapping[str, str]
) -> bool:
    """Return whether a conditional PUT replaces nothing; tried at ``name``, removed afterwards."""
    request = {**name, **encryption, "Body": b"", "IfNoneMatch": "*"}
    try:
        await client.put_object(**request)
        await client.put_object(**request)
    except ClientError as error:
        if code_of(error) not in _ANSWERS:
            raise
        return _ANSWERS[code_of(error)]
    finally:
        await client.delete_object(**name)
    return False


_ANSWERS = {"PreconditionFailed": True, "412": True, "NotImplemented": False, "501": False}

"""A small file as one plain PUT, which the store takes once (ADR 0022).

A multipart upload of one part costs four calls of the store, a plain PUT one. Its URL stays open
after the file is complete, so it asks with ``If-None-Match: *`` that there be no object yet: what
is there is never replaced. Where a store does not keep to that, this is not used.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ferryman.objects.s3.refusals import code_of
from ferryman.wire.upload import PartRequest

MARK = "single"
"""The value of the object's metadata ``upload``: it was not made by a multipart upload."""

_SPELLED = re.compile(r"put:([0-9]{1,16}):([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Single:
    """The only bytes that such an upload takes; ``str()`` is its reference."""

    size: int
    md5: str

    def __str__(self) -> str:
        """As it stands in the row of the upload; no id of a multipart upload has a colon."""
        return f"put:{self.size}:{self.md5}"

    def is_all(self, parts: Sequence[PartRequest]) -> bool:
        """Whether these parts are just this one."""
        return all((part.number, part.size, part.md5) == (1, self.size, self.md5) for part in parts)

    def headers(self, encryption: Mapping[str, str]) -> dict[str, str]:
        """What its URL signs; ``encryption`` as for a multipart upload."""
        named = {
            "Content-Length": str(self.size),
            "Content-MD5": b64encode(bytes.fromhex(self.md5)).decode(),
            "If-None-Match": "*",
            "x-amz-meta-upload": MARK,
        }
        return named | {_ENCRYPTION[name]: value for name, value in encryption.items()}


_ENCRYPTION = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def read_single(upload_ref: str) -> Single | None:
    """What a reference stands for; None for that of a multipart upload."""
    found = _SPELLED.fullmatch(upload_ref)
    return None if found is None else Single(int(found[1]), found[2])


async def keeps_to_condition(
    client: Any, name: Mapping[str, str], encryption: Mapping[str, str]
) -> bool:
    """Whether a conditional PUT replaces nothing: tried at ``name``, which is removed after."""
    wanted = {**name, **encryption, "Body": b"", "IfNoneMatch": "*"}
    try:
        await client.put_object(**wanted)
        await client.put_object(**wanted)
    except ClientError as error:
        if code_of(error) not in _ANSWERS:
            raise
        return _ANSWERS[code_of(error)]
    finally:
        await client.delete_object(**name)
    return False


_ANSWERS = {"PreconditionFailed": True, "412": True, "NotImplemented": False, "501": False}

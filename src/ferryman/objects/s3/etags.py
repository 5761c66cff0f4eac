"""Check by size and etag whether an object consists of given parts."""

import re
from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any

from ferryman import refusals
from ferryman.objects.port import Part

MARK = "single"
"""The value of the metadata ``upload`` of objects that were not made by a multipart upload."""

_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_JOINED = re.compile(r"[0-9a-f]{32}-[0-9]+", re.ASCII)


def check_same(head: Mapping[str, Any] | None, parts: Sequence[Part]) -> None:
    """Raise ``Conflict`` (``upload_closed``) unless the object is these parts, joined.

    ``head`` is S3's description of the object, None if there is none.
    """
    if head is None or head["ContentLength"] != sum(part.size for part in parts):
        raise refusals.upload.CLOSED_IN_STORE()
    if is_single(head):
        # It was sent before this upload was opened in its place.
        raise refusals.upload.CLOSED_IN_STORE()
    made = etag_of(head)
    # With KMS, and in stores that differ from S3, an etag does not depend on the bytes.
    telling = head.get("ServerSideEncryption") != "aws:kms" and _JOINED.fullmatch(made)
    if telling and made != joined_etag(parts):
        raise refusals.upload.CLOSED_IN_STORE()


def is_single(head: Mapping[str, Any]) -> bool:
    """Return whether the object was written by one plain PUT."""
    return bool(head.get("Metadata", {}).get("upload") == MARK)


def is_plain(etag: str) -> bool:
    """Return whether an etag may be of a plain PUT; that of joined parts ends in their number."""
    return bool(etag) and not _JOINED.fullmatch(etag)


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the etag of an answer without its quotes."""
    return str(answer.get("ETag", "")).strip('"')


def joined_etag(parts: Sequence[Part]) -> str | None:
    """Return the etag that S3 gives an object of these parts; None if their etags are not md5s."""
    etags = [part.etag.strip('"') for part in sorted(parts, key=lambda part: part.number)]
    if not all(_MD5.fullmatch(etag) for etag in etags):
        return None
    digests = b"".join(map(bytes.fromhex, etags))
    return f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(etags)}"

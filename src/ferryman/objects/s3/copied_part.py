"""Copy a part of a completed object into an open upload, within S3 (ADR 0102)."""

from collections.abc import Awaitable
from typing import Any

import structlog
from botocore.exceptions import ClientError

from ferryman.errors import OutsideError
from ferryman.objects.port import HeldPart, Part
from ferryman.objects.s3.bucket import S3Bucket
from ferryman.objects.s3.errors import GONE, code_of, store_errors
from ferryman.objects.s3.etags import MARK, etag_of, joined_etag
from ferryman.objects.s3.small_file import SmallFile, read_small_file
from ferryman.wire.upload import PartRequest, StoredPart

log = structlog.get_logger("ferryman.s3")

_OTHER = frozenset({"PreconditionFailed", "412"})
"""Codes for a source with another etag."""


async def copy_part(
    bucket: S3Bucket, key: str, upload_ref: str, part: PartRequest, held: HeldPart
) -> Part | None:
    """Return the copy of a part, or None if it has to be sent.

    The etag with which the part was accepted proves the bytes. With KMS, and in stores whose etags
    do not depend on the bytes, nothing is taken over.
    """
    if bucket.address.sse == "aws:kms":
        return None  # no file is written just to be removed again
    small = read_small_file(upload_ref)
    try:
        if small is not None:
            return await _copy_small(bucket, key, small, part, held)
        etag = await _copy_range(bucket, key, upload_ref, part, held)
    except OutsideError as refused:
        # It can still be sent, and a store that is out of reach says so then.
        log.info("part.not_copied", code=refused.code)
        return None
    if not etag or etag != held.part.etag.strip('"'):
        return None
    return StoredPart(number=part.number, size=part.size, etag=etag, sha256=part.sha256)


async def _copy_range(
    bucket: S3Bucket, key: str, upload_id: str, part: PartRequest, held: HeldPart
) -> str | None:
    # Of a small object, S3 copies the whole only.
    last = held.start + held.part.size - 1
    span = {} if held.alone else {"CopySourceRange": f"bytes={held.start}-{last}"}
    answer = await _copied(
        bucket.client.upload_part_copy(
            **bucket.name(key),
            UploadId=upload_id,
            PartNumber=part.number,
            CopySource=bucket.name(held.key),
            **span,
        )
    )
    return None if answer is None else etag_of(answer.get("CopyPartResult", {}))


async def _copy_small(
    bucket: S3Bucket, key: str, small: SmallFile, part: PartRequest, held: HeldPart
) -> Part | None:
    if not held.alone or not small.is_all([part]):
        return None
    # The source may have been sent by a plain PUT, or as the only part of a multipart upload. Some
    # stores keep its etag for the copy, others make one of the bytes.
    accepted = held.part.etag.strip('"')
    etags = [etag for etag in (accepted, joined_etag([held.part])) if etag]
    for etag in etags:
        answer = await _copied(
            bucket.client.copy_object(
                **bucket.name(key),
                **bucket.encryption(),
                CopySource=bucket.name(held.key),
                CopySourceIfMatch=f'"{etag}"',
                MetadataDirective="REPLACE",
                Metadata={"upload": MARK},
            )
        )
        if answer is None:
            continue
        made = etag_of(answer.get("CopyObjectResult", {}))
        if made in etags:
            made = made if small.digest == part.sha256 else small.digest
            return StoredPart(number=part.number, size=part.size, etag=made, sha256=part.sha256)
        # Nobody may take it for the file: its URL would be refused, as something is there.
        await bucket.delete(key)
        break
    return None


async def _copied(call: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the answer to a copy; None if the source, or the upload, is gone or another."""
    with store_errors():
        try:
            return await call
        except ClientError as error:
            if code_of(error) not in GONE | _OTHER:
                raise
            return None

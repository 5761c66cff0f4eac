"""Check that the platform's keys have every permission it needs."""

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ferryman import refusals
from ferryman.ids import ephemeral_id
from ferryman.objects.s3.errors import code_of, error_of
from ferryman.objects.s3.probe import CHECK_NAME, abort

_LEFT_BEHIND = timedelta(hours=1)


async def check_answer(client: Any, bucket: str, prefix: str) -> None:
    """Make one call that changes nothing. Raises what ``client`` raises."""
    await client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}{CHECK_NAME}", MaxKeys=1)


async def check_rights(
    client: Any, bucket: str, prefix: str, encryption: dict[str, str], now: datetime
) -> None:
    """Begin and abort an upload; write, read and delete a file; list both.

    Objects that a killed check left in the bucket are removed. Raises what ``client`` raises, and
    ``ConfigError`` (``store_unsuitable``) for a store that does not list uploads.
    """
    stem = f"{prefix}{CHECK_NAME}"
    for entry in await _uploads(client, bucket, stem):
        if now - entry["Initiated"] > _LEFT_BEHIND:
            await abort(client, {"Bucket": bucket, "Key": entry["Key"]}, entry["UploadId"])
    files = await client.list_objects_v2(Bucket=bucket, Prefix=stem)
    for entry in files.get("Contents", ()):
        if now - entry["LastModified"] > _LEFT_BEHIND:
            await client.delete_object(Bucket=bucket, Key=entry["Key"])
    name = {"Bucket": bucket, "Key": f"{stem}-{ephemeral_id()}"}
    begun = await client.create_multipart_upload(**name, **encryption)
    try:
        open_now = await _uploads(client, bucket, name["Key"])
        if begun["UploadId"] not in [entry["UploadId"] for entry in open_now]:
            raise refusals.object_store.LISTS_NO_UPLOADS(
                found="a list without an upload that is open"
            )
    finally:
        await client.abort_multipart_upload(**name, UploadId=begun["UploadId"])
    await client.put_object(**name, **encryption, Body=b"")
    try:
        async with (await client.get_object(**name))["Body"] as body:
            await body.read()
    finally:
        await client.delete_object(**name)


async def _uploads(client: Any, bucket: str, prefix: str) -> list[Any]:
    """Return the open uploads whose keys begin with ``prefix``.

    Small stores lack the call, and answer it with any error, or with something else. They answered
    another call before, so the network is not the cause.
    """
    try:
        answer = await client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
    except ClientError as error:
        if error_of(error).code in _LACKING:
            raise refusals.object_store.LISTS_NO_UPLOADS(
                found=code_of(error) or "an error without a code"
            ) from error
        raise
    except ResponseParserError as error:
        raise refusals.object_store.LISTS_NO_UPLOADS(found="an answer that is not S3's") from error
    return list(answer.get("Uploads", ()))


_LACKING = ("store_unsuitable", "store_unavailable")

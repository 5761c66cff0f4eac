"""Whether the platform's keys have each right that they will need."""

from datetime import datetime, timedelta
from typing import Any

from ferryman.ids import passing_id
from ferryman.objects.s3.bench import CHECK_NAME, abort

_LEFT_BEHIND = timedelta(hours=1)


async def check_answer(client: Any, bucket: str, prefix: str) -> None:
    """One call that changes nothing. Raises what ``client`` raises."""
    await client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}{CHECK_NAME}", MaxKeys=1)


async def check_rights(
    client: Any, bucket: str, prefix: str, encryption: dict[str, str], now: datetime
) -> None:
    """Begin an upload and give it up; write a file, read it and delete it; list both.

    What a check that was killed left in the bucket is removed. Raises what ``client`` raises.
    """
    stem = f"{prefix}{CHECK_NAME}"
    uploads = await client.list_multipart_uploads(Bucket=bucket, Prefix=stem)
    for each in uploads.get("Uploads", ()):
        if now - each["Initiated"] > _LEFT_BEHIND:
            await abort(client, {"Bucket": bucket, "Key": each["Key"]}, each["UploadId"])
    files = await client.list_objects_v2(Bucket=bucket, Prefix=stem)
    for each in files.get("Contents", ()):
        if now - each["LastModified"] > _LEFT_BEHIND:
            await client.delete_object(Bucket=bucket, Key=each["Key"])
    name = {"Bucket": bucket, "Key": f"{stem}-{passing_id()}"}
    begun = await client.create_multipart_upload(**name, **encryption)
    await client.abort_multipart_upload(**name, UploadId=begun["UploadId"])
    await client.put_object(**name, **encryption, Body=b"")
    try:
        async with (await client.get_object(**name))["Body"] as body:
            await body.read()
    finally:
        await client.delete_object(**name)

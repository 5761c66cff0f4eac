"""The setting that names a bucket."""

import pytest

from ferryman.errors import ConfigError
from ferryman.objects.s3.address import S3Address, base_of, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket", S3Address(bucket="bucket")),
        ("s3://bucket/", S3Address(bucket="bucket")),
        ("s3://bucket/a/b.c/", S3Address(bucket="bucket", prefix="a/b.c/")),
        (
            "s3://my.bucket/p?endpoint=http://127.0.0.1:7480/&region=eu-1&style=virtual",
            S3Address(
                bucket="my.bucket",
                prefix="p/",
                endpoint="http://127.0.0.1:7480",
                region="eu-1",
                style="virtual",
            ),
        ),
        (
            "s3://bucket?public_endpoint=https%3A%2F%2Fs3.example%3A443&endpoint=http://[::1]:80",
            S3Address(
                bucket="bucket", endpoint="http://[::1]", public_endpoint="https://s3.example"
            ),
        ),
        (
            "s3://bucket?sse=aws:kms&kms_key=arn:aws:kms:eu-1:1:key/a",
            S3Address(bucket="bucket", sse="aws:kms", kms_key="arn:aws:kms:eu-1:1:key/a"),
        ),
        (
            "s3://bucket?max_parts=1000&unverified=allow&late_parts=allow",
            S3Address(bucket="bucket", max_parts=1000, unverified=True, late_parts=True),
        ),
        ("s3://bucket?max_parts=&unverified=", S3Address(bucket="bucket")),
        ("s3://bucket?sse=AES256&style=&region=", S3Address(bucket="bucket", sse="AES256")),
    ],
)
def test_an_address_is_read(text: str, address: S3Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "begins with s3://"),
        ("bucket", "begins with s3://"),
        ("https://bucket/x", "begins with s3://"),
        ("s3://", "name of a bucket"),
        ("s3://Bucket", "name of a bucket"),
        ("s3://ab", "name of a bucket"),
        ("s3://key:hidden@bucket", "name of a bucket"),
        ("s3://bucket:80", "name of a bucket"),
        ("s3://bucket/a b", "prefix"),
        ("s3://bucket/a//b", "prefix"),
        ("s3://bucket/../b", "prefix"),
        ("s3://bucket?endpont=http://x", "options out of endpoint"),
        ("s3://bucket?region=a&region=b", "at most once"),
        ("s3://bucket?region", "an address s3://"),
        ("s3://bucket?endpoint=127.0.0.1:7480", "endpoint=https://host"),
        ("s3://bucket?endpoint=ftp://host", "endpoint=https://host"),
        ("s3://bucket?endpoint=http://host/path", "endpoint=https://host"),
        ("s3://bucket?endpoint=http://host:99999", "endpoint=https://host"),
        ("s3://bucket?public_endpoint=http://key:hidden@host", "public_endpoint=https://host"),
        ("s3://bucket?style=auto", "style=path or virtual"),
        ("s3://bucket?sse=kms", "sse=AES256 or aws:kms"),
        ("s3://bucket?kms_key=k", "sse=aws:kms"),
        ("s3://bucket?region=a/b", "region"),
        ("s3://bucket?max_parts=0", "max_parts=1 to 10000"),
        ("s3://bucket?max_parts=10001", "max_parts=1 to 10000"),
        ("s3://bucket?max_parts=many", "max_parts=1 to 10000"),
        ("s3://bucket?unverified=yes", "unverified=allow"),
        ("s3://bucket?late_parts=1", "late_parts=allow"),
        ("s3://[bucket", "an address s3://"),
    ],
)
def test_another_text_is_refused_and_says_what_is_expected(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(text)
    assert refused.value.code == "object_store_invalid"
    assert expected in refused.value.expected
    assert "hidden" not in str(refused.value)


def test_objects_stand_below_the_bucket_or_at_its_own_host() -> None:
    path = S3Address(bucket="bucket", style="path")
    assert base_of(path, "http://host:81") == "http://host:81/bucket/"
    virtual = S3Address(bucket="bucket", style="virtual")
    assert base_of(virtual, "https://host") == "https://bucket.host/"

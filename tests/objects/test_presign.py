"""Our signature of a URL is the one that botocore makes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from ferryman.objects.s3.presign import AccessKeys, presign

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
PLAIN = st.text("abcXYZ019+/=", min_size=1, max_size=20)


@given(
    method=st.sampled_from(["GET", "PUT"]),
    host=st.sampled_from(["s3.example", "127.0.0.1:7480", "bucket.s3.example"]),
    path=st.lists(st.text("abcXYZ019._-~/", min_size=1), min_size=1, max_size=3),
    query=st.dictionaries(PLAIN.filter(lambda name: "=" not in name), WORDS, max_size=4),
    md5=st.none() | PLAIN,
    sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    token=st.none() | PLAIN,
    at=MOMENTS,
    seconds=st.integers(1, 7 * 86_400),
)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str,
    host: str,
    path: list[str],
    query: dict[str, str],
    md5: str | None,
    sha256: str | None,
    token: str | None,
    at: datetime,
    seconds: int,
) -> None:
    url = f"http://{host}/{quote('/'.join(path))}"
    headers = {} if md5 is None else {"Content-MD5": md5, "Content-Length": "5"}
    if sha256 is not None:
        headers["x-amz-content-sha256"] = sha256
    ours = presign(
        method,
        url,
        query=query,
        headers=headers,
        keys=AccessKeys("AKID", "secret", token),
        region="eu-central-1",
        at=at,
        life=timedelta(seconds=seconds),
    )
    assert _signature(ours) == _signature(
        _botocore(method, url, query, headers, token, at, seconds)
    )


def test_keys_do_not_show_their_secrets() -> None:
    assert "hush" not in repr(AccessKeys("AKID", "hush", "hush"))


def _signature(url: str) -> str:
    return url.rpartition("X-Amz-Signature=")[2]


def _botocore(
    method: str,
    url: str,
    query: dict[str, str],
    headers: dict[str, str],
    token: str | None,
    at: datetime,
    seconds: int,
) -> str:
    text = urlencode(query, quote_via=quote, safe="")
    request: Any = AWSRequest(method=method, url=f"{url}?{text}" if text else url, headers=headers)
    signer = S3SigV4QueryAuth(Credentials("AKID", "secret", token), "s3", "eu-central-1", seconds)
    # botocore signs no digest in a URL; a store that verifies one takes it for the payload's.
    payload = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=at),
        mock.patch.object(signer, "payload", return_value=payload),
    ):
        signer.add_auth(request)
    return str(request.url)

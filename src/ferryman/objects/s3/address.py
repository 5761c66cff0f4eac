"""Parse the setting ``object_store``: bucket, endpoint and options."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from ferryman import refusals
from ferryman.errors import ConfigError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_OPTIONS = (
    *("endpoint", "public_endpoint", "region", "style", "sse", "kms_key"),
    *("max_parts", "unverified", "late_parts"),
)
_MOST_PARTS = 10_000
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Address:
    """A bucket and how to reach it; None leaves an option to the usual AWS configuration.

    ``prefix`` is empty or ends with a slash. Endpoints have a scheme and no trailing slash;
    ``public_endpoint`` is used in signed URLs. ``unverified`` allows a store that does not check
    digests, ``late_parts`` one that takes parts of a completed upload.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str | None = None
    style: str | None = None
    sse: str | None = None
    kms_key: str | None = None
    max_parts: int | None = None
    unverified: bool = False
    late_parts: bool = False


def parse_address(text: str) -> S3Address:
    """Parse ``s3://bucket/prefix?endpoint=…&region=…``; :class:`S3Address` has the options.

    Raises ``ConfigError`` (``object_store_invalid``).
    """
    try:
        parts = urlsplit(text)
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _invalid(
            "an address s3://bucket/prefix?option=value", "text of another form"
        ) from None
    if parts.scheme != "s3" or parts.fragment:
        raise _invalid("an address that begins with s3://", f"{parts.scheme[:32]!r}")
    if not _BUCKET.fullmatch(parts.netloc):
        # Never show credentials in an error.
        found = "a user or a password" if "@" in parts.netloc else f"{parts.netloc[:64]!r}"
        raise _invalid("the name of a bucket after s3://, in lower case", found)
    prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
    if not _PREFIX.fullmatch(prefix):
        raise _invalid("a prefix of letters, digits, dots, dashes and slashes", f"{prefix[:64]!r}")
    given = _only(options)
    sse = _one_of("sse", given, ("AES256", "aws:kms"))
    if given.get("kms_key") and sse != "aws:kms":
        raise _invalid("sse=aws:kms beside kms_key", f"sse={sse}")
    region = given.get("region") or None
    if region is not None and not _REGION.fullmatch(region):
        raise _invalid("the name of a region", f"{region[:64]!r}")
    return S3Address(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=_endpoint("endpoint", given),
        public_endpoint=_endpoint("public_endpoint", given),
        region=region,
        style=_one_of("style", given, ("path", "virtual")),
        sse=sse,
        kms_key=given.get("kms_key") or None,
        max_parts=_max_parts(given),
        unverified=_one_of("unverified", given, ("allow",)) is not None,
        late_parts=_one_of("late_parts", given, ("allow",)) is not None,
    )


def base_of(address: S3Address, endpoint: str) -> str:
    """Return the part of a URL before the name of an object, with a trailing slash."""
    if address.style == "virtual":
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{address.bucket}.{host}/"
    return f"{endpoint}/{address.bucket}/"


def plain_endpoint(scheme: str, host: str, port: int | None) -> str:
    """Return an endpoint as clients write it in ``Host``, without the scheme's default port."""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, _PORTS[scheme]) else f"{scheme}://{shown}:{port}"


def _only(options: Mapping[str, list[str]]) -> dict[str, str]:
    for name, values in options.items():
        if name not in _OPTIONS:
            raise _invalid(f"options out of {', '.join(_OPTIONS)}", f"{name[:32]!r}")
        if len(values) > 1:
            raise _invalid(f"{name} at most once", f"{len(values)} times")
    return {name: values[0] for name, values in options.items()}


def _endpoint(name: str, given: Mapping[str, str]) -> str | None:
    text = given.get(name)
    if not text:
        return None
    expected = f"{name}=https://host or https://host:port"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _invalid(expected, "text of another form") from None
    if "@" in parts.netloc:
        raise _invalid(expected, "a user or a password in it")
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in _PORTS or not parts.hostname or rest:
        raise _invalid(expected, f"{text[:64]!r}")
    return plain_endpoint(parts.scheme, parts.hostname, port)


def _max_parts(given: Mapping[str, str]) -> int | None:
    text = given.get("max_parts")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= _MOST_PARTS:
        raise _invalid(f"max_parts=1 to {_MOST_PARTS}", f"{text[:32]!r}")
    return int(text)


def _one_of(name: str, given: Mapping[str, str], known: tuple[str, ...]) -> str | None:
    value = given.get(name)
    if not value:
        return None
    if value not in known:
        raise _invalid(f"{name}={' or '.join(known)}", f"{value[:32]!r}")
    return value


def _invalid(expected: str, found: str) -> ConfigError:
    return refusals.object_store.INVALID(expected=expected, found=found)

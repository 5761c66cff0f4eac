"""Explain refusals that do not come from the platform: of an object store, or of a proxy."""

import re
from collections.abc import Mapping
from typing import NamedTuple

# S3 answers in XML, and only its code is read: the rest may repeat what was signed.
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")

_LONGEST = 64 * 1024
_LONGEST_NAME = 60


class StoreRefusal(NamedTuple):
    """Explains the code with which S3 refused a signed URL: what was expected, and what to do."""

    code: str
    expected: str
    fix: str


_SIGNED_URL = (
    "a URL that S3 takes",
    "It is signed again by itself, so it is not old: check the keys, the region and the policy "
    "of the platform's object store, and the clocks of the platform and of S3.",
)
_STORE_CODES = {
    "AccessDenied": _SIGNED_URL,
    "InvalidAccessKeyId": _SIGNED_URL,
    "SignatureDoesNotMatch": _SIGNED_URL,
    "ExpiredToken": _SIGNED_URL,
    "AuthorizationHeaderMalformed": _SIGNED_URL,
    "PermanentRedirect": _SIGNED_URL,
    "TemporaryRedirect": _SIGNED_URL,
    "RequestTimeTooSkewed": (
        "clocks of the platform and of S3 within 15 minutes",
        "Set the clock of the platform's machine, and that of S3, by NTP.",
    ),
    "BadDigest": (
        "the bytes that were hashed",
        "They changed on the way, several times: look for a faulty line, proxy or memory.",
    ),
    "SlowDown": (
        "S3 to have room for another request",
        "Send fewer at a time, or try again later.",
    ),
    "ServiceUnavailable": ("S3 to answer", "Try again later; what is stored is safe."),
    "InternalError": ("S3 to answer", "Try again later; what is stored is safe."),
    "QuotaExceeded": (
        "room in the object store",
        "Raise the quota of the bucket or its owner; then try again.",
    ),
    "NoSuchUpload": (
        "an upload that S3 knows",
        "It was given up meanwhile, by the platform or a rule of the bucket: send the file again.",
    ),
    "NoSuchKey": (
        "a file that S3 holds",
        "It was deleted, by the platform at the end of its life or by a rule of the bucket.",
    ),
    "NoSuchBucket": (
        "the platform's bucket to exist",
        "Create the bucket, or correct --object-store on the platform.",
    ),
}
_OTHER_CODE = (
    "S3 to take the request",
    "Look the code up in the documentation of the object store.",
)


def read_store_refusal(body: bytes) -> StoreRefusal | None:
    """Read the answer of S3 to a refused request; None if it is anything else."""
    match = _CODE.search(body) if len(body) <= _LONGEST else None
    if match is None:
        return None
    code = match[1].decode("ascii")
    return StoreRefusal(code, *_STORE_CODES.get(code, _OTHER_CODE))


class IntermediaryError(NamedTuple):
    """Explains an answer of a proxy: what was expected, and what to do."""

    expected: str
    fix: str


_BODY_LIMIT = (
    "Raise the limit of request bodies at the proxy before the platform or the object store: "
    "client_max_body_size 0 (nginx), the annotation proxy-body-size (ingress-nginx), "
    "LimitRequestBody 0 (Apache httpd), maxRequestBodyBytes (Traefik). Parts have up to 1 GiB, "
    "and a load of mappings has any size."
)
_UPSTREAM = (
    "Check that the platform runs, and the address and the timeouts that the proxy has for it."
)
_PROXY_STATUSES = {
    407: IntermediaryError(
        "a forward proxy that lets the request pass",
        "Give the proxy's user and password in HTTPS_PROXY, or name the host in NO_PROXY.",
    ),
    413: IntermediaryError("a proxy that passes a body of this size on", _BODY_LIMIT),
    502: IntermediaryError("a proxy that reaches the platform", _UPSTREAM),
    503: IntermediaryError("a proxy that reaches the platform", _UPSTREAM),
    504: IntermediaryError("a proxy that reaches the platform in time", _UPSTREAM),
}


_OTHER = IntermediaryError(
    "Ferryman to answer",
    "Something on the way did: a proxy that blocks the address, a page to sign in at, or another "
    "server. Check the URL, and have calls to it let pass.",
)


def answered_by(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Return what reveals the sender of a foreign answer: its format and a name."""
    kind = headers.get("content-type", "").lower()
    page = "text/html" in kind or body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
    server = headers.get("server") or headers.get("via") or ""
    name = "".join(c for c in server if c.isascii() and c.isprintable())[:_LONGEST_NAME]
    return ("a page of HTML" if page else ""), name


def foreign_answer(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Explain an answer that is no problem document; None if nothing shows that it is foreign."""
    page, name = answered_by(headers, body)
    row = intermediary_error(status) or (_OTHER if page else None)
    if row is None:
        return None
    with_page = f" and {page}" if page else ""
    by = f" but by {name}" if name else ""
    return (
        f"status {status}{with_page}, and not by Ferryman{by}: expected {row.expected}. {row.fix}"
    )


def intermediary_error(status: int) -> IntermediaryError | None:
    """Explain ``status`` of an answer without a problem document; None if it says nothing."""
    return _PROXY_STATUSES.get(status)

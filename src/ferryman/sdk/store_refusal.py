"""What S3 says when it refuses a signed URL, in words that help whoever is told."""

import re
from typing import NamedTuple

# S3 answers in XML, and only its code is read: the rest may repeat what was signed.
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")

_LONGEST = 64 * 1024


class StoreRefusal(NamedTuple):
    """The code of S3, what was expected, and what to do."""

    code: str
    expected: str
    fix: str


_URL = (
    "a URL that S3 takes",
    "It is signed anew by itself, so it is not old: check the keys, the region and the policy "
    "of the platform's object store, and the clocks of the platform and of S3.",
)
_KNOWN = {
    "AccessDenied": _URL,
    "InvalidAccessKeyId": _URL,
    "SignatureDoesNotMatch": _URL,
    "ExpiredToken": _URL,
    "AuthorizationHeaderMalformed": _URL,
    "PermanentRedirect": _URL,
    "TemporaryRedirect": _URL,
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
_OTHER = ("S3 to take the request", "Look the code up in the documentation of the object store.")


def read_store_refusal(body: bytes) -> StoreRefusal | None:
    """Read the answer of S3 to a refused request; None if it is something else."""
    found = _CODE.search(body) if len(body) <= _LONGEST else None
    if found is None:
        return None
    code = found[1].decode("ascii")
    return StoreRefusal(code, *_KNOWN.get(code, _OTHER))

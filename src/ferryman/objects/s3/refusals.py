"""What S3 and the way to it answer when something is wrong, as errors of the platform."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from ferryman.errors import OutsideError

_BUSY = frozenset(
    {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
    | {"TooManyRequests", "503", "429"}
)
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"})
_REFUSED = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
    | {"AllAccessDisabled", "AccountProblem", "AuthorizationHeaderMalformed", "403", "401"}
    | {"PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", "301", "307"}
    | {"KMS.DisabledException", "KMS.NotFoundException"}
)
GONE = frozenset({"NoSuchUpload", "NoSuchKey", "404", "NotFound"})
"""What is asked for is not there; Swift calls also an upload that is closed a key."""

# Refusals with a status of 4xx that the same call, repeated, need not meet again.
_PASSING = frozenset({"RequestTimeout", "IncompleteBody", "BadDigest"})
_PASSING_STATUS = frozenset({408, 409, 425, 429})


def code_of(error: ClientError) -> str:
    """The code that S3 gave; for HEAD, which has no body, the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn every failure of S3 into the ``OutsideError`` that says what to do.

    ``store_busy`` and ``store_unavailable`` pass by themselves; ``store_unsuitable`` never does;
    the others need a person. None names a key: only S3's own code and the name of the call
    are told.
    """
    try:
        yield
    except ClientError as error:
        raise error_of(error) from error
    except (HTTPClientError, NoConnectionError) as error:
        raise _unreachable(type(error).__name__) from error
    except BotoCoreError as error:
        # Keys that are half there, a profile that does not exist, a role that cannot be assumed.
        raise _refused(type(error).__name__) from error
    except TimeoutError as error:
        raise _unreachable("no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(type(error).__name__) from error


def error_of(error: ClientError) -> OutsideError:
    """What an answer of S3 that botocore raises means."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return refusal_of(code_of(error), int(status), error.operation_name)


def refusal_of(code: str, status: int, call: str) -> OutsideError:
    """What S3's answer to ``call`` means: its ``code`` first, else the HTTP ``status``."""
    found = f"{code or f'status {status}'} from S3 at {call}"
    if code == "NoSuchBucket":
        return OutsideError(
            "bucket_missing",
            expected="the bucket of --object-store to exist",
            found=found,
            fix="Create the bucket, or correct its name, the endpoint or the region.",
        )
    if code in ("RequestTimeTooSkewed", "RequestExpired"):
        return OutsideError(
            "store_clock_skewed",
            expected="clocks of the platform and the object store within 15 minutes",
            found=found,
            fix="Set the clock of this machine by NTP; signed URLs depend on it.",
        )
    if code in _BUSY:
        return OutsideError(
            "store_busy",
            expected="an object store with room for another request",
            found=found,
            fix="Try again after a pause that grows.",
        )
    if code in _FULL:
        return OutsideError(
            "store_full",
            expected="room in the object store",
            found=found,
            fix="Raise the quota of the bucket or its owner; then try again.",
        )
    if code in _REFUSED:
        return _refused(found)
    return _unsuitable(found) if _is_permanent(code, status) else _unreachable(found)


def _is_permanent(code: str, status: int) -> bool:
    if code in _PASSING or status in _PASSING_STATUS:
        return False
    return 400 <= status < 500 or status == 501


def _refused(found: str) -> OutsideError:
    return OutsideError(
        "store_refused",
        expected="an object store that accepts the platform's keys",
        found=found,
        fix="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role, the region, the key of "
        "the encryption, and that the policy allows what docs/how-to/use-s3.md lists.",
    )


def _unsuitable(found: str) -> OutsideError:
    return OutsideError(
        "store_unsuitable",
        expected="an object store that takes this call",
        found=found,
        fix="Sending it again gives the same answer. Look the code up in the documentation "
        "of the object store; docs/how-to/use-s3.md lists what Ferryman needs of one.",
    )


def _unreachable(found: str) -> OutsideError:
    return OutsideError(
        "store_unavailable",
        expected="an object store that answers",
        found=found,
        fix="Check the endpoint and the network; what was stored is safe, so try again.",
    )


def etag_of(answer: dict[str, Any]) -> str:
    """An etag without its quotes."""
    return str(answer.get("ETag", "")).strip('"')

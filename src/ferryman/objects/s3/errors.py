"""Turn errors of S3, and of the connection to it, into errors of the platform."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from ferryman import refusals
from ferryman.errors import OutsideError
from ferryman.network.faults import Failure

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
"""Codes for something that does not exist; Swift calls even a closed upload a key."""

# 4xx refusals that may not recur when the call is retried.
_PASSING = frozenset({"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"})
_PASSING_STATUS = frozenset({408, 409, 425, 429})


def code_of(error: ClientError) -> str:
    """Return the code that S3 gave; for HEAD, which has no body, the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn every failure of S3 into an ``OutsideError`` with a fix.

    ``store_busy`` and ``store_unavailable`` pass by themselves; ``store_unsuitable`` never does;
    the others need a person. None names a key: only S3's code and the name of the call are shown.
    """
    try:
        yield
    except ClientError as error:
        raise error_of(error) from error
    except (HTTPClientError, NoConnectionError) as error:
        failure: Failure | None = getattr(error, "failure", None)
        found = type(error).__name__ if failure is None else f"{failure.fault}: {failure.found}"
        raise refusals.object_store.UNAVAILABLE(found=found) from error
    except BotoCoreError as error:
        # Incomplete keys, an unknown profile, or a role that cannot be assumed.
        raise refusals.object_store.REFUSED(found=type(error).__name__) from error
    except TimeoutError as error:
        raise refusals.object_store.UNAVAILABLE(found="no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise refusals.object_store.UNAVAILABLE(found=type(error).__name__) from error


def error_of(error: ClientError) -> OutsideError:
    """Return the error for an S3 answer that botocore raised."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return refusal_of(code_of(error), int(status), error.operation_name)


def refusal_of(code: str, status: int, call: str) -> OutsideError:
    """Return the error for S3's answer to ``call``, by its ``code`` or else the HTTP ``status``."""
    found = f"{code or f'status {status}'} from S3 at {call}"
    if code == "NoSuchBucket":
        return refusals.object_store.BUCKET_MISSING(found=found)
    if code in ("RequestTimeTooSkewed", "RequestExpired"):
        return refusals.object_store.CLOCK_SKEWED(found=found)
    if code in _BUSY:
        return refusals.object_store.BUSY(found=found)
    if code in _FULL:
        return refusals.object_store.FULL(found=found)
    if code in _REFUSED:
        return refusals.object_store.REFUSED(found=found)
    unsuitable = _is_permanent(code, status)
    row = refusals.object_store.UNSUITABLE if unsuitable else refusals.object_store.UNAVAILABLE
    return row(found=found)


def _is_permanent(code: str, status: int) -> bool:
    if code in _PASSING or status in _PASSING_STATUS:
        return False
    return 400 <= status < 500 or status == 501

"""Parse the answers of a host: what the function raised, or when it asked to be called again."""

import json
from datetime import timedelta

import msgspec

from ferryman.domain.limits import MAX_RETRY_DATA_BYTES
from ferryman.domain.outcome import Raised, raised, requested_delay
from ferryman.vocab import FailureCause

_REASON_CHARACTERS = 100
_NO_REASON = "FUNCTION_RETRY_REQUEST"


def read_answer(line: bytes) -> object:
    """Parse an answer; raise ``ValueError`` or ``RecursionError`` if it is not JSON.

    What an app raised may contain half a surrogate pair, which only the slower parser accepts.
    """
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return json.loads(line)


def read_failure(answer: dict[str, object]) -> tuple[FailureCause, Raised]:
    """Parse the exception in an answer; raise ``ValueError`` or ``TypeError`` if malformed."""
    name, message, frame = answer["class"], answer["message"], answer["frame"]
    if not isinstance(name, str) or not isinstance(message, str):
        raise TypeError
    return FailureCause(str(answer["cause"])), raised(name, message, str(frame) if frame else None)


def read_retry(
    answer: dict[str, object], who: str = "function"
) -> tuple[timedelta | None, str | None, str | None]:
    """Parse a request to be called again: its delay, retry context and reason.

    All three are None if there is none.
    """
    asked = answer.get("retry")
    if not isinstance(asked, dict):
        return None, None, None
    after, reason, size = requested_delay(asked.get("after")), asked.get("reason"), asked["size"]
    why = f" ({reason[:_REASON_CHARACTERS]})" if isinstance(reason, str) else ""
    error = f"The {who} asked to be called again in {after.total_seconds():g} s{why}."
    if size > MAX_RETRY_DATA_BYTES:
        error += f" Its retryData of {size} bytes is not kept: the limit is {MAX_RETRY_DATA_BYTES}."
    context = {
        "retryReason": reason[:_REASON_CHARACTERS] if isinstance(reason, str) else _NO_REASON,
        **({"retryData": asked["data"]} if "data" in asked else {}),
    }
    return after, json.dumps(context), error


def read_body(text: str, who: str) -> tuple[timedelta | None, str | None, str | None]:
    """Parse the body of an endpoint like a function's return value: ``InvocationError`` as JSON.

    Any other body asks for no retry. Invalid options are ignored, as they are for a function.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None, None, None
    if not isinstance(body, dict) or body.get("_retry") is not True:
        return None, None, None
    found = body.get("retryOptions")
    options = found if isinstance(found, dict) else {}
    asked = {"after": options.get("retryAfter"), "reason": options.get("retryReason")}
    return read_retry({"retry": {**asked, **_data(options)}}, who)


def _data(options: dict[str, object]) -> dict[str, object]:
    """Return the data for the next call, if it is not too large, and its size as UTF-8."""
    if "retryData" not in options:
        return {"size": 0}
    data = options["retryData"]
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):  # NaN, which is not JSON, or too many levels
        return {"size": 0}
    size = len(text.encode("utf-8", "surrogatepass"))
    return {"size": size, **({"data": data} if size <= MAX_RETRY_DATA_BYTES else {})}

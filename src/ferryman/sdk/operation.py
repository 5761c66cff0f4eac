"""One call as a value: what to send and how to read the answer. No IO."""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ferryman.sdk.errors import ClientError, RateLimitedError, error_class
from ferryman.sdk.refusals import foreign_answer, read_store_refusal
from ferryman.sdk.retry import retry_after
from ferryman.wire.problem import Problem

T = TypeVar("T")

# A token, or what makes the Authorization header of a request from its method, its path below
# the base URL and its query; None for no credentials.
Credentials = str | Callable[[str, str, str], str] | None

# The platform sends one to five sentences; anything longer is not a problem document.
_LONGEST_REFUSAL = 64 * 1024

_SENDABLE = re.compile(r"[!-~]*")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Describes what to send.

    ``url`` is a path below the transport's base URL, or a whole URL; the token goes only with a
    path, so that a signed URL never carries it elsewhere. ``timeout`` is in seconds, until the
    answer begins. ``meanwhile`` is called before each piece of a body that is a view.
    """

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | memoryview | None = None
    timeout: float = 60.0
    meanwhile: Callable[[], object] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what came back; header names are lower case, ``took`` is in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took: float = 0.0


class Operation(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Pairs a request with the meaning of its answer; ``parse`` is called for status 200 only."""

    request: Request
    parse: Callable[[Answer], T]


def json_operation(
    method: str,
    path: str,
    result: type[T],
    *,
    query: Mapping[str, str | int | None] | None = None,
    body: object = None,
    timeout: float = 60.0,
) -> Operation[T]:
    """Describe a call that sends ``body`` as JSON (None: no body) and reads a ``result``.

    ``result`` is any type that msgspec can decode. Members of ``query`` that are None are left
    out. Ids within ``path`` must have been through ``segment``.
    """
    return Operation(
        request=_json_request(method, path, query, body, timeout),
        parse=lambda answer: msgspec.json.decode(answer.body, type=result),
    )


def plain_operation(
    method: str,
    path: str,
    *,
    query: Mapping[str, str | int | None] | None = None,
    body: object = None,
    timeout: float = 60.0,
) -> Operation[None]:
    """Describe a call whose answer only says that it succeeded."""
    return Operation(
        request=_json_request(method, path, query, body, timeout), parse=lambda _answer: None
    )


def _json_request(
    method: str,
    path: str,
    query: Mapping[str, str | int | None] | None,
    body: object,
    timeout: float,
) -> Request:
    headers = {"accept": "application/json"}
    if body is not None:
        headers["content-type"] = "application/json"
    return Request(
        method=method,
        url=path,
        query=tuple((k, str(v)) for k, v in (query or {}).items() if v is not None),
        headers=headers,
        body=None if body is None else msgspec.json.encode(body),
        timeout=timeout,
    )


@cache
def user_agent() -> str:
    """Return the name and version of this client, which show an operator who has to upgrade."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ferryman-python/{version('ferryman')}"
    except PackageNotFoundError:  # its files were copied, without pip
        return "ferryman-python"


def segment(value: str) -> str:
    """Escape an id or key, so that it is one segment of a path."""
    # A client would resolve dots that stand alone, and ask for another path.
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def setting(value: str | None, variable: str) -> str:
    """Return ``value`` or the variable of the environment; raises ``ValueError`` without either."""
    text = value or os.environ.get(variable, "")
    if not text:
        raise ValueError(f"expected an argument or the variable {variable}; found neither")
    return text


def check_base(url: str) -> str:
    """Return the platform's URL without a trailing slash; ``ValueError`` if it has no scheme."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"expected the platform's URL, as http://host:port; found {url!r}")
    return url.rstrip("/")


def unsendable(token: str) -> str | None:
    """Return why a token cannot be sent in a header, without showing it; None if it can."""
    if _SENDABLE.fullmatch(token):
        return None
    if _SENDABLE.fullmatch(token.strip()):
        return "spaces or line breaks around it"
    return "other characters within it"


def check_credentials(credentials: Credentials) -> Credentials:
    """Return ``credentials``; ``ValueError`` for a token that no header can carry.

    HTTP libraries refuse one too, but show it.
    """
    if isinstance(credentials, str) and (found := unsendable(credentials)):
        raise ValueError(f"expected a token of printable ASCII without spaces; found {found}")
    return credentials


def address(
    base_url: str,
    credentials: Credentials,
    request: Request,
    common: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, str]]:
    """Return the whole URL and the headers of a request, signing it if ``credentials`` do.

    ``common`` headers go with each call of the platform, not with a signed URL. Header names are
    lower case, so that none is sent twice.
    """
    headers = {"user-agent": user_agent()}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    if not request.url.startswith("/"):
        return request.url, headers
    headers |= common or {}
    query = urlencode(request.query)
    if callable(credentials):
        headers["authorization"] = credentials(request.method, request.url, query)
    elif credentials:
        headers["authorization"] = f"Bearer {credentials}"
    return f"{base_url}{request.url}{'?' if query else ''}{query}", headers


def refusal(answer: Answer, what: str) -> ClientError:
    """Build the error for an answer that is not a success; ``what`` names the call."""
    problem = read_problem(answer)
    if problem is not None:
        error = problem_error(problem, what, answer.status)
    else:
        error = error_class(answer.status, None)(answer.status, _message(answer, what))
    if isinstance(error, RateLimitedError):
        error.retry_after = retry_after(answer.headers)
    return error


def problem_error(problem: Problem, what: str, status: int | None = None) -> ClientError:
    """Build the error for a refusal by the platform, of status ``status`` if it is known."""
    status = problem.status if status is None else status
    return error_class(status, problem.code)(
        status,
        f"{what} was refused with status {status} ({problem.code}): "
        f"expected {problem.expected}; found {problem.found}. {problem.fix}",
        code=problem.code,
        problem=problem,
    )


def _message(answer: Answer, what: str) -> str:
    if store := read_store_refusal(answer.body):
        return (
            f"{what} was refused by the object store with status {answer.status}: "
            f"expected {store.expected}; found {store.code}. {store.fix}"
        )
    foreign = foreign_answer(answer.status, answer.headers, answer.body)
    return f"{what} was answered with {foreign or f'status {answer.status}.'}"


def read_problem(answer: Answer) -> Problem | None:
    """Read the problem document in an answer; returns None if it holds none."""
    if not answer.body or len(answer.body) > _LONGEST_REFUSAL:
        return None
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_LONGEST_ID = 200


def describe(request: Request) -> str:
    """Return the name of a request for messages and logs; a signed URL is cut to its path.

    The last part of a path may be a signature, too: one that is longer than any id is left out.
    """
    path = request.url.split("?", 1)[0]
    folder, slash, last = path.rpartition("/")
    return f"{request.method} {folder}{slash}{last if len(last) <= _LONGEST_ID else '…'}"

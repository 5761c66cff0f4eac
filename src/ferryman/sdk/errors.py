"""The exceptions of the SDK, as a tree.

FerrymanError
  + ClientError                 a call did not succeed; GatewayError and MigrationAPIError
    |                           are other names of it
    + TransportError            no answer at all
    | + ProxyError              a proxy of this network is the cause
    | + CertificateError        the certificate of the other side is not trusted
    + InvalidRequestError       400, and what has no class of its own
      + TooLargeError           413, or more bytes than a file or a part may have
    + NotAuthenticatedError     401
    + NotAllowedError           403
    + NotFoundError             404
    + ConflictError             409
      + SettledError            the transfer has its final status
    + ExpiredError              410
    + RateLimitedError          429
    + ServerError               500 to 599
  + SignatureInvalid            a webhook that the platform did not sign
  + TextWrittenError            a text was given in place of bytes

The class follows the status, or the code where a code says more.
"""

from http import HTTPStatus

from ferryman.wire.problem import Problem


class FerrymanError(Exception):
    """Base of everything the SDK raises on purpose."""


class TextWrittenError(FerrymanError, TypeError):
    """A text was given where app data takes bytes. The message contains none of it."""

    def __init__(self) -> None:
        super().__init__("app data is bytes; encode the text: write(text.encode())")


class SignatureInvalid(FerrymanError, ValueError):
    """A request was not signed with the shared secret, or its token expired."""


class ClientError(FerrymanError):
    """A call did not succeed.

    ``status`` is the HTTP status, or None where the call failed on this side. ``code`` is the
    stable code of the platform's refusal and ``problem`` all it said; both are None when the
    answer did not come from the platform. The SDK has codes of its own: ``source_changed``,
    a file that was sent in part, or in whole, is not what it was; ``part_altered``, an object
    store took a part with other bytes than were sent; of a connection that failed, the cause, such
    as ``proxy_authentication`` or ``certificate_untrusted`` (``network.faults``). The message never
    holds a token, a signed URL or the password of a proxy.
    """

    def __init__(
        self,
        status: int | None,
        message: str,
        *,
        code: str | None = None,
        problem: Problem | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.problem = problem

    @property
    def settled(self) -> bool:
        """Whether the transfer has its final status, so that no further call can succeed."""
        return isinstance(self, SettledError)


GatewayError = ClientError
"""The name that server apps know."""

MigrationAPIError = ClientError
"""The name that cloud apps know."""


class TransportError(ClientError):
    """No answer came: no connection, or it ended before the answer was whole."""


class ProxyError(TransportError):
    """The proxy for this URL cannot be reached, asks for a login, or refuses to connect."""


class CertificateError(TransportError):
    """The certificate of the other side is not trusted, expired, or for another name or use."""


class InvalidRequestError(ClientError):
    """The platform does not take a request of this form."""


class TooLargeError(InvalidRequestError):
    """A body, a file or a part has more bytes than the platform takes."""


class NotAuthenticatedError(ClientError):
    """The token is missing, unknown or expired, or belongs to another API."""


class NotAllowedError(ClientError):
    """The app may not do this; often a scope is missing."""


class NotFoundError(ClientError):
    """No such thing, or it belongs to another app."""


class ConflictError(ClientError):
    """The transfer, the upload or the message is not in a state that allows the call."""


class SettledError(ConflictError):
    """The transfer has its final status: no further call can succeed.

    Its status is 409, or 403 where the platform is set so.
    """


class ExpiredError(ClientError):
    """The time in which this was possible is over."""


class RateLimitedError(ClientError):
    """Too many calls, after all repetitions; ``retry_after`` is in seconds, None if not given."""

    retry_after: float | None = None


class ServerError(ClientError):
    """The platform, or something between it and this program, failed."""


_BY_STATUS: dict[int, type[ClientError]] = {
    HTTPStatus.UNAUTHORIZED: NotAuthenticatedError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ExpiredError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
}
_BY_CODE: dict[str | None, type[ClientError]] = {
    "transfer_settled": SettledError,
    "file_too_large": TooLargeError,
    "part_too_large": TooLargeError,
}


def error_class(status: int, code: str | None) -> type[ClientError]:
    """Return the class for an answer that is no success."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return InvalidRequestError if status >= HTTPStatus.BAD_REQUEST else ClientError

"""What the SDK raises."""

from ferryman.wire.problem import Problem


class ClientError(Exception):
    """A call did not succeed.

    ``status`` is the HTTP status, or None when there was no answer at all. ``code`` is the
    stable code of the platform's refusal and ``problem`` all it said; both are None when the
    answer did not come from the platform. The SDK has codes of its own: ``source_changed``,
    a file that was sent in part, or in whole, is not what it was; ``part_altered``, an object
    store took a part with other bytes than were sent. The message never holds a token
    or a signed URL.
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
        return self.status in {403, 409} and self.code is not None and "settled" in self.code


class MigrationAPIError(ClientError):
    """A call of a cloud app did not succeed: any status other than 200, or no answer."""


class GatewayError(ClientError):
    """A call of a server app did not succeed."""

"""Sessions of the console (admin surface). Times are epoch milliseconds."""

from ferryman.vocab import Role, SignInMethod
from ferryman.wire.base import Wire


class SessionView(Wire, frozen=True):
    """Somebody who is signed in to the console, with what they may do.

    ``name`` is the name of the token, or a person's name and subject at the identity provider.
    """

    session_id: str
    name: str
    method: SignInMethod
    role: Role
    customers: list[str] | None
    apps: list[str] | None
    address: str | None
    created_at: int
    expires_at: int


class SessionPage(Wire, frozen=True):
    """Sessions that have not ended, oldest first."""

    items: list[SessionView]
    next_cursor: str | None = None

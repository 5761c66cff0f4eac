"""Access tokens of people and programs (admin surface). Times are epoch milliseconds."""

from ferryman.vocab import Role
from ferryman.wire.base import Wire


class TokenRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/tokens``.

    ``customers`` limits a viewer or operator; without it the token is valid for all customers.
    ``apps`` are the cloud app keys of an app-owner. Without ``seconds`` the token never expires.
    """

    name: str
    role: Role
    customers: list[str] | None = None
    apps: list[str] | None = None
    seconds: int | None = None


class TokenRotation(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of a rotation: the new secret expires after ``seconds``, the old one after ``overlap``.

    Without ``seconds`` the new secret lives as long as the old one was made for.
    """

    seconds: int | None = None
    overlap: int = 3600


class TokenView(Wire, frozen=True):
    """An access token, without its secret; ``current`` is false once it was replaced or revoked."""

    token_id: str
    name: str
    role: Role
    customers: list[str] | None
    apps: list[str] | None
    created_at: int
    created_by: str
    last_used_at: int | None
    expires_at: int | None
    replaced_at: int | None
    revoked_at: int | None
    current: bool


class IssuedToken(Wire, frozen=True):
    """Response to making or rotating a token; ``token`` is shown only once."""

    token: str
    access: TokenView


class TokenPage(Wire, frozen=True):
    """Access tokens, oldest first."""

    items: list[TokenView]
    next_cursor: str | None = None

"""Customers (admin surface). Times are epoch milliseconds."""

from ferryman.wire.base import Wire


class CustomerRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/customers``; the key cannot be changed later."""

    customer: str


class CustomerView(Wire, frozen=True):
    """A customer: who owns migrations, sites and mappings."""

    customer: str
    created_at: int


class CustomerPage(Wire, frozen=True):
    """Customers, by key."""

    items: list[CustomerView]
    next_cursor: str | None = None


class CustomerExport(Wire, frozen=True):
    """Answer to ``POST /admin/v1/customers/{customer}/export``.

    ``unsettled`` is the number of transfers that may still change.
    """

    customer: str
    at: int
    unsettled: int


class ExpungeReceipt(Wire, frozen=True):
    """Receipt of a customer's deletion; ``receipt`` is a JWT that the platform's key signed."""

    customer: str
    at: int
    deleted: dict[str, int]
    receipt: str


class StoredReceipt(Wire, frozen=True):
    """The newest receipt for a customer's key."""

    customer: str
    receipt: str

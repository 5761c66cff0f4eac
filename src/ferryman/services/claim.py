"""Fence server apps: refuse calls under a claim that was superseded (ADR 0039).

A claim is a lease of a transfer: each call of the server app and each heartbeat renews it. Its
number is the fencing token.
"""

from ferryman import refusals
from ferryman.store import claim as claim_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer


async def see_caller(tx: Transaction, app: AppRow, stored: StoredTransfer) -> None:
    """Treat a call of the server app as a sign of life of its claim.

    Raises :class:`Conflict` (``claim_superseded``) if another agent has claimed the transfer since,
    and :class:`Invalid` for a claim that was never made.
    """
    if app.claim is None or stored.claims == 0:
        return
    if app.claim > stored.claims:
        # A number from the future would survive the next claims, and fence nobody.
        raise refusals.transfer.CLAIM_UNKNOWN(claims=stored.claims, claim=app.claim)
    check_claim(app.claim or stored.claims, stored)
    await claim_store.record_alive(tx, stored)


def check_claim(claim: int, stored: StoredTransfer) -> None:
    """Refuse a call under a claim that is no longer current."""
    if claim < stored.claims:
        raise refusals.transfer.CLAIM_SUPERSEDED(current=stored.claims, claim=claim)

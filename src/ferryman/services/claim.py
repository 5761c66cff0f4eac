"""The claim that a call of the server app is made under (ADR 0039)."""

from ferryman.errors import Conflict, Invalid
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer


async def see_caller(tx: Transaction, app: App, stored: StoredTransfer) -> None:
    """Take a call of the server app for a sign of life of its claim.

    Raises :class:`Conflict` (``claim_superseded``) where another agent has the transfer by now,
    and :class:`Invalid` for a claim that nobody made.
    """
    if app.claim is None or stored.claims == 0:
        return
    if app.claim > stored.claims:
        # It would stay current whoever claims the transfer next.
        raise Invalid(
            "claim_invalid",
            expected="Ferryman-Claim: the number `claims` that the claim of this transfer was "
            f"answered with, at most {stored.claims}",
            found=str(app.claim),
            fix="Send the number as it was given, or leave the header out.",
        )
    check_claim(app.claim or stored.claims, stored)
    await transfers.see_claim(tx, stored)


def check_claim(claim: int, stored: StoredTransfer) -> None:
    """Refuse what is done under a claim that is not the current one."""
    if claim < stored.claims:
        raise Conflict(
            "claim_superseded",
            expected=f"a call under claim {stored.claims}, the current one of this transfer",
            found=f"claim {claim}, which fell silent or was never confirmed",
            fix="Stop this export: the listener runs again elsewhere. Heartbeats keep a claim: "
            "POST /server/v1/transfers/{transferId}/heartbeat at least once a minute.",
        )

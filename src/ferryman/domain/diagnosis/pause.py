"""The link of a transfer that an operator holds."""

from ferryman.domain.diagnosis.link import Link, broken_link
from ferryman.domain.diagnosis.snapshot import TransferSnapshot
from ferryman.domain.transfer import Transfer
from ferryman.text import instant


def pause(snapshot: TransferSnapshot) -> Link | None:
    """Say that the transfer is paused."""
    return link_of_pause(snapshot.transfer, snapshot.transfer_id)


def link_of_pause(transfer: Transfer, transfer_id: str) -> Link | None:
    """Return the link of a paused transfer; None for one that goes on."""
    if transfer.paused_at is None:
        return None
    return broken_link("pause", "paused", at=instant(transfer.paused_at), transfer=transfer_id)

"""``ferryman transfer pause``, ``resume`` and ``extend``: hold a transfer, or give it time."""

from ferryman.cli.command import command
from ferryman.cli.ids import TransferId
from ferryman.cli.session import Session
from ferryman.cli.transfer.group import app, transfer_text
from ferryman.cli.when import Until, until_of
from ferryman.vocab import IdKind


@command(app, "pause")
def pause(session: Session, transfer: TransferId) -> None:
    """Hold a transfer: its app is sent nothing, no agent gets it, and its deadlines stand still."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    session.show(session.admin.transfers.pause(transfer), transfer_text)


@command(app, "resume")
def resume(session: Session, transfer: TransferId) -> None:
    """Let a paused transfer continue, with the time that it had left."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    session.show(session.admin.transfers.resume(transfer), transfer_text)


@command(app, "extend")
def extend(session: Session, transfer: TransferId, until: Until) -> None:
    """Let a transfer that runs not end before a time, by the clock of the platform."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    at = until_of(session, until)
    session.show(session.admin.transfers.extend(transfer, at), transfer_text)

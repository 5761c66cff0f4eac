"""Carrying files on this machine to an app, as a whole migration.

It does the part of the admin and that of the server app: plan, mappings, files, the end of the
export. `ferryman migrate` and the pytest plugin both do it here.
"""

from collections.abc import Callable
from contextlib import ExitStack

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import Admin
from ferryman.cli.dev_folder import Running
from ferryman.cli.export import Export, told
from ferryman.cli.mapping import counted, send_file
from ferryman.cli.render import lines_of
from ferryman.errors import OutsideError
from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.http import HttpTransport
from ferryman.wire.listener import ClaimRequest
from ferryman.wire.migration import MigrationRequest, MigrationView
from ferryman.wire.transfer import TransferView

_PIECE = 1 << 20
_MOST_CLAIMS = 20
_MOMENT = 0.001

Say = Callable[[str], None]


def create(admin: Admin, request: MigrationRequest, export: Export, say: Say) -> MigrationView:
    """Create the migration and load its mappings."""
    migration = admin.call(calls.create_migration(request))
    transfer_id = migration.transfers[0].transfer_id
    facts = {"migration": migration.migration_id, "transfer": transfer_id}
    left_out = told(export.left_out) if export.left_out else None
    say(lines_of({**facts, "files": len(export.files), "left out": left_out}))
    if export.mappings is not None:
        say(counted(send_file(admin, migration.migration_id, str(export.mappings), None)))
    return migration


def send(admin: Admin, app: Running, migration: MigrationView, export: Export, say: Say) -> None:
    """Start it, and be its listener: send the files, and say that this was all.

    While the clock stands still each step waits for what the one before it caused, so that
    everything happens in one order.
    """
    transfer_id = migration.transfers[0].transfer_id
    frozen = admin.call(calls.get_clock()).frozen
    admin.call(calls.start_migration(migration.migration_id))
    claim = _claim(admin, app, transfer_id, say)
    with Gateway(admin.url, app.server_token, transfer_id, claim=claim) as gateway:
        gateway.keep_claim()
        for file, label in export.files:
            if frozen:
                finish_due(admin)
            with file.open("rb") as source, gateway.create_app_data(label) as data:
                while piece := source.read(_PIECE):
                    data.write(piece)
        if frozen:
            finish_due(admin)
        _complete(gateway)
    if frozen:
        finish_due(admin)


def finish_due(admin: Admin) -> None:
    """Wait until all that is due by now is done. Virtual clock only."""
    admin.call(calls.advance_clock(0))


def settle(admin: Admin, transfer_id: str) -> TransferView:
    """Move the virtual clock from one deadline to the next until the transfer is settled."""
    finish_due(admin)
    while not (view := admin.call(calls.get_transfer(transfer_id))).status.final:
        now = admin.call(calls.get_clock()).now
        known = (at for at in (view.deadline, view.expires_at) if at is not None)
        until = min((at for at in known if at > now), default=now)
        admin.call(calls.advance_clock((until - now) / 1000 + _MOMENT))
    return view


def _complete(gateway: Gateway) -> None:
    """Say that all is exported, unless the transfer was settled before it could be said."""
    try:
        gateway.complete_export()
    except GatewayError as refused:
        if not refused.settled:
            raise


def _claim(admin: Admin, app: Running, transfer_id: str, say: Say) -> int:
    """Be the listener of this transfer, under the claim of the returned number.

    Transfers that killed runs left waiting are cancelled.
    """
    agent = f"ferryman-migrate-{transfer_id}"
    with ExitStack() as stack:
        transport = HttpTransport(admin.url, app.server_token, patience=10.0, error=GatewayError)
        stack.callback(transport.close)
        for _ in range(_MOST_CLAIMS):
            request = ClaimRequest(
                server_app_keys=[app.server_app_key], agent_id=agent, wait_seconds=5
            )
            claimed = transport.call(server_calls.claim(request)).transfer
            if claimed is not None and claimed.transfer_id == transfer_id:
                return claimed.claims
            if claimed is not None:
                say(f"Cancelling {claimed.transfer_id}, left by an earlier run.")
                admin.call(calls.cancel_transfer(claimed.transfer_id))
    raise OutsideError(
        "transfer_not_offered",
        expected=f"to be offered the transfer {transfer_id}",
        found="that it was not; an agent of the same server app may have taken it",
        fix="Stop the agent, or let it do the export.",
    )

"""Run a whole migration of files on this machine to an app.

It takes the roles of the admin and of the server app: plan, mappings, files, the end of the
export. `ferryman migrate` and the pytest plugin both use it.
"""

from collections.abc import Callable
from contextlib import ExitStack

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.mapping_file import counts_text, send_file
from ferryman.client.text import field_lines
from ferryman.devtools.dev.folder import Running
from ferryman.devtools.migrate.export import Export, left_out_text
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operations import server
from ferryman.wire.listener import ClaimRequest
from ferryman.wire.migration import MigrationRequest, MigrationView
from ferryman.wire.transfer import TransferView

_PIECE = 1 << 20
_MOST_CLAIMS = 20
_MOMENT = 0.001

Say = Callable[[str], None]


def create(
    admin: AdminClient, request: MigrationRequest, export: Export, say: Say
) -> MigrationView:
    """Create the migration and load its mappings."""
    migration = admin.migrations.create(request)
    transfer_id = migration.transfers[0].transfer_id
    facts = {"migration": migration.migration_id, "transfer": transfer_id}
    left_out = left_out_text(export.left_out) if export.left_out else None
    say(field_lines({**facts, "files": len(export.files) or None, "left out": left_out}))
    if export.mappings is not None:
        say(counts_text(send_file(admin, migration.migration_id, str(export.mappings), None)))
    return migration


def send(
    admin: AdminClient, app: Running, migration: MigrationView, export: Export, say: Say
) -> None:
    """Start it, act as its listener: send the files, and declare the export complete.

    While the clock is frozen, each step waits for the effects of the previous one, so that
    everything happens in a fixed order.
    """
    transfer_id = migration.transfers[0].transfer_id
    frozen = admin.clock.get().frozen
    admin.migrations.start(migration.migration_id)
    number = claim(admin, app, transfer_id, say)
    with Gateway(admin.url, app.server_token, transfer_id, claim=number) as gateway:
        gateway.keep_claim()
        for file, label in export.files:
            if frozen:
                admin.clock.finish_due()
            with file.open("rb") as source, gateway.create_app_data(label) as data:
                while piece := source.read(_PIECE):
                    data.write(piece)
                if frozen:
                    data.complete()
        if frozen:
            admin.clock.finish_due()
        _complete(gateway)
    if frozen:
        admin.clock.finish_due()


def settle(admin: AdminClient, transfer_id: str) -> TransferView:
    """Move the virtual clock from one deadline to the next until the transfer is settled."""
    admin.clock.finish_due()
    while not (view := admin.transfers.get(transfer_id)).status.final:
        now = admin.clock.get().now
        known = (at for at in (view.deadline, view.expires_at) if at is not None)
        until = min((at for at in known if at > now), default=now)
        admin.clock.advance((until - now) / 1000 + _MOMENT)
    return view


def _complete(gateway: Gateway) -> None:
    """Declare the export complete, unless the transfer is already settled."""
    try:
        gateway.complete_export()
    except GatewayError as refused:
        if not refused.settled:
            raise


def claim(admin: AdminClient, app: Running, transfer_id: str, say: Say) -> int:
    """Claim this transfer as its listener, and return the number of the claim.

    Transfers that killed runs left behind are cancelled.
    """
    agent = f"ferryman-migrate-{transfer_id}"
    with ExitStack() as stack:
        transport = HttpTransport(admin.url, app.server_token, retry_seconds=10.0)
        stack.callback(transport.close)
        for _ in range(_MOST_CLAIMS):
            request = ClaimRequest(
                server_app_keys=[app.server_app_key], agent_id=agent, wait_seconds=5
            )
            claimed = transport.call(server.claim(request)).transfer
            if claimed is not None and claimed.transfer_id == transfer_id:
                return claimed.claims
            if claimed is not None:
                say(f"Cancelling {claimed.transfer_id}, left by an earlier run.")
                admin.transfers.cancel(claimed.transfer_id)
    raise refusals.command.TRANSFER_NOT_OFFERED(transfer=f"the transfer {transfer_id}")

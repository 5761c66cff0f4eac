"""Run a developer's own listener for one migration, as an agent beside `ferryman dev`."""

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Protocol

import typer

from ferryman import refusals
from ferryman.cli import agent
from ferryman.client.admin import AdminClient
from ferryman.client.text import clean
from ferryman.devtools.dev.folder import Running
from ferryman.devtools.migrate.run import Say, settle
from ferryman.sdk.agent import Agent
from ferryman.sdk.errors import ClientError
from ferryman.sdk.listener import Listener

_OURS = {"ferryman.sdk.call_listener", "ferryman.cli.migrate.listen"}
OFFER_SECONDS = 60.0
POLL_SECONDS = 0.1


def load(target: str, app: Running) -> Listener:
    """Import the listener; raises ``ConfigError`` if that fails or it is another app's."""
    listener = agent.load(target)
    if listener.keys and app.server_app_key not in listener.keys:
        raise refusals.command.LISTENER_FOR_ANOTHER_APP(
            key=app.server_app_key, keys=", ".join(listener.keys), first=listener.keys[0]
        )
    return listener


class Exporter(Protocol):
    """Interface of whoever calls a listener for the transfers of a migration."""

    def running(self) -> contextlib.AbstractContextManager[list[str]]:
        """Start, and return the ids of the transfers once the listener is called for one."""

    def wait_returned(self, transfer_id: str) -> None:
        """Wait until the listener has returned from a transfer, or the transfer is over."""


MakeExporter = Callable[[str, Say], Exporter]
"""Makes what calls the listener, for a migration and with what tells the developer."""


class Listening:
    """A thread that calls the listener for each offered transfer of a migration."""

    def __init__(
        self, admin: AdminClient, app: Running, listener: Listener, migration_id: str, say: Say
    ) -> None:
        self._admin = admin
        self._migration_id = migration_id
        self._say = say
        self._agent = Agent(
            listener,
            admin.url,
            app.server_token,
            keys=[] if listener.keys else [app.server_app_key],
            agent_id=f"ferryman-migrate-{migration_id}",
            on_error=self._failed,
        )
        self._frozen = admin.clock.get().frozen
        self._offered = threading.Event()
        self._returned: set[str] = set()
        self._raised = False
        self._failure: Exception | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[list[str]]:
        """Start, and return the ids of the transfers once the listener is called for one."""
        threading.Thread(target=self._run, daemon=True).start()
        try:
            if not self._offered.wait(OFFER_SECONDS):
                raise refusals.command.TRANSFER_NOT_OFFERED(transfer="a transfer of the migration")
            if self._failure is not None:
                raise self._failure
            # A listener with definitions splits the transfer.
            view = self._admin.migrations.get(self._migration_id)
            yield [transfer.transfer_id for transfer in view.transfers]
        except KeyboardInterrupt:
            cancel_all(self._admin, self._migration_id)
            raise
        finally:
            self._agent.close()

    def wait_returned(self, transfer_id: str) -> None:
        """Wait until the listener has returned from a transfer, or the transfer is over."""
        while transfer_id not in self._returned:
            if self._admin.transfers.get(transfer_id).status.final:
                return
            time.sleep(POLL_SECONDS)

    def _run(self) -> None:
        try:
            while True:
                claimed = self._agent.claim()
                if claimed is None:
                    continue
                if claimed.migration_details.migration_id != self._migration_id:
                    self._say(f"Cancelling {claimed.transfer_id}, left by an earlier run.")
                    self._admin.transfers.cancel(claimed.transfer_id)
                    continue
                self._offered.set()
                self._raised = False
                self._agent.listen(claimed)
                if self._raised:
                    # Files sent before that are still imported; the deadline decides the result.
                    self._say("Moving the virtual clock to the deadline of the transfer.")
                    settle(self._admin, claimed.transfer_id)
                elif self._frozen:
                    self._admin.clock.finish_due()
                self._returned.add(claimed.transfer_id)
        except Exception as failure:  # noqa: BLE001 - raised in the command's own thread
            self._failure = failure
            self._offered.set()

    def _failed(self, _transfer_id: str, error: BaseException, _virtual: bool, /) -> None:
        """Show the traceback, from the listener's own first frame on."""
        self._raised = True
        lines = "".join(traceback.format_exception(_from_listener(error)))
        typer.echo(clean(f"The listener raised:\n{lines.rstrip()}"), err=True)


def cancel_all(admin: AdminClient, migration_id: str) -> None:
    """Cancel the transfers of a migration that are not settled."""
    with contextlib.suppress(ClientError):
        for transfer in admin.migrations.get(migration_id).transfers:
            if not transfer.status.final:
                admin.transfers.cancel(transfer.transfer_id)
                typer.echo(f"Cancelled {transfer.transfer_id}.", err=True)


def _from_listener(error: BaseException) -> BaseException:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in _OURS:
        trace = trace.tb_next
    return error.with_traceback(trace or error.__traceback__)

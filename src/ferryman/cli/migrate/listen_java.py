"""Run a developer's own listener in Java for one migration, as an agent beside `ferryman dev`."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from ferryman import refusals
from ferryman.cli.migrate.listen import OFFER_SECONDS, POLL_SECONDS, cancel_all
from ferryman.client.admin import AdminClient
from ferryman.client.filters import TransferFilters
from ferryman.devtools.dev.folder import Running
from ferryman.devtools.migrate.run import Say, settle
from ferryman.java import java_command
from ferryman.vocab import TransferStatus

_STOP_SECONDS = 10.0
_MOST_LEFT = 100


class JavaListening:
    """A JVM that calls the listener for each offered transfer of a migration.

    ``listener`` is a class of ``classpath``. Raises ``ConfigError``: ``java_not_found``,
    ``agent_jar_missing``.
    """

    def __init__(
        self,
        admin: AdminClient,
        app: Running,
        listener: str,
        classpath: str,
        migration_id: str,
        say: Say,
    ) -> None:
        self._admin = admin
        self._app = app
        self._listener = listener
        self._migration_id = migration_id
        self._say = say
        self._command = java_command(
            classpath,
            *("--listener", listener, "--key", app.server_app_key, "--grace", "0"),
            *("--agent-id", f"ferryman-migrate-{migration_id}"),
        )
        self._frozen = admin.clock.get().frozen

    @contextlib.contextmanager
    def running(self) -> Iterator[list[str]]:
        """Start, and return the ids of the transfers once the listener is called for one."""
        self._cancel_left()
        access = {
            "FERRYMAN_URL": self._admin.url,
            "FERRYMAN_SERVER_TOKEN": self._app.server_token,
        }
        process = subprocess.Popen(
            self._command,
            env={**os.environ, **access},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
        )
        try:
            ids = self._offered(process)
            for transfer_id in ids:
                threading.Thread(target=self._follow, args=(transfer_id,), daemon=True).start()
            yield ids
        except KeyboardInterrupt:
            cancel_all(self._admin, self._migration_id)
            raise
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_returned(self, transfer_id: str) -> None:
        """Wait until the listener has returned from a transfer, or failed, or it is over."""
        while not self._ended(transfer_id):
            time.sleep(POLL_SECONDS)

    def _offered(self, process: "subprocess.Popen[bytes]") -> list[str]:
        limit = time.monotonic() + OFFER_SECONDS
        while time.monotonic() < limit:
            # A listener with definitions splits the transfer.
            transfers = self._admin.migrations.get(self._migration_id).transfers
            if any(transfer.status is not TransferStatus.READY for transfer in transfers):
                return [transfer.transfer_id for transfer in transfers]
            if (status := process.poll()) is not None:
                raise refusals.command.JAVA_LISTENER_NOT_LOADED(
                    target=self._listener, status=status
                )
            time.sleep(POLL_SECONDS)
        raise refusals.command.TRANSFER_NOT_OFFERED(transfer="a transfer of the migration")

    def _ended(self, transfer_id: str) -> bool:
        view = self._admin.transfers.get(transfer_id)
        returned = view.returned_at is not None or view.export_completed_at is not None
        return view.status.final or returned or self._threw(transfer_id)

    def _threw(self, transfer_id: str) -> bool:
        page = self._admin.transfers.timeline(transfer_id, None, 1, kind="listener.threw")
        return bool(page.items)

    def _follow(self, transfer_id: str) -> None:
        self.wait_returned(transfer_id)
        if self._threw(transfer_id):
            # Files sent before that are still imported; the deadline decides the result.
            self._say("Moving the virtual clock to the deadline of the transfer.")
            settle(self._admin, transfer_id)
        elif self._frozen:
            self._admin.clock.finish_due()

    def _cancel_left(self) -> None:
        """Cancel what earlier runs left behind: the agent would be given it first."""
        for status in (TransferStatus.READY, TransferStatus.IN_PROGRESS):
            left = TransferFilters(status=status, app=self._app.cloud_app_key)
            page = self._admin.transfers.list(None, _MOST_LEFT, left)
            for each in page.items:
                if each.migration_details.migration_id != self._migration_id:
                    self._say(f"Cancelling {each.transfer_id}, left by an earlier run.")
                    self._admin.transfers.cancel(each.transfer_id)

"""Apps of every kind for the tests of explanations."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.kit.connect_client import BASE, ConnectClient
from tests.kit.manifests import function_manifest, remote_manifest
from tests.kit.platform import PlatformProcess
from tests.kit.receiver import Receiver
from tests.kit.remote_app import ConnectMigration, ForgeMigration, RemoteMigration

G = TypeVar("G", bound=RemoteMigration)
WRONG_ID = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Apps:
    """Registers apps on the platform, and asks it to explain their transfers."""

    platform: PlatformProcess
    receiver: Receiver
    folder: Path
    migrations: list[RemoteMigration] = field(default_factory=list)

    def forge(self, **options: Any) -> ForgeMigration:
        """Register a Forge app with a remote."""
        return self._keep(ForgeMigration.register(self.platform, self.receiver, **options))

    def connect(self, **options: Any) -> ConnectMigration:
        """Register a Connect app that has its secret from the registration."""
        return self._keep(ConnectMigration.register(self.platform, self.receiver, **options))

    def function(self, body: str) -> ForgeMigration:
        """Register a Forge app with one function for all events."""
        imports = "import os, time\n"
        if "Migration()" in body:
            # Not in the function, whose time is short: a busy machine takes seconds for it.
            imports += "from ferryman import Migration\n"
        (self.folder / "index.py").write_text(f"{imports}def run(event, context):\n    {body}\n")
        return self.source()

    def source(self) -> ForgeMigration:
        """Register a Forge app with the folder as its source."""
        return self.forge(manifest=function_manifest(), source=str(self.folder))

    def at(self, url: str) -> ForgeMigration:
        """Register a Forge app with its remote at ``url`` and begin a migration."""
        migration = self.forge(manifest=remote_manifest(url))
        migration.begin()
        migration.confirm()
        migration.advance()
        return migration

    def described(self, *answers: int, **descriptor: Any) -> RemoteMigration:
        """Register a Connect app with a descriptor, which installs it if it answers 200."""
        inbox = self.receiver.open()
        inbox.answers += answers
        key = f"org.example.described-{len(self.receiver.inboxes)}"
        document = {
            "key": key,
            "baseUrl": inbox.url,
            "authentication": {"type": "jwt"},
            "lifecycle": {"installed": "/installed", "uninstalled": "/uninstalled"},
            **descriptor,
        }
        options = {"kind": "connect", "cloudAppKey": key, "descriptor": document}
        migration = RemoteMigration.register(self.platform, self.receiver, **options)
        migration.inbox = inbox
        return self._keep(migration)

    def installed(self) -> tuple[RemoteMigration, ConnectClient]:
        """Register one; return it with a client that has the secret it was sent."""
        migration = self.described()
        return migration, self.secret_of(migration)

    def secret_of(self, migration: RemoteMigration) -> ConnectClient:
        secret = migration.inbox.received[-1].event["sharedSecret"]
        caller = self.platform.caller(None)
        return ConnectClient(caller, secret, migration.registration["cloudAppKey"], BASE)

    def register(self, **options: Any) -> Any:
        """Return the problem document of a registration that is refused."""
        registration = {
            "kind": "forge",
            "serverAppKey": "org.example.refused.server",
            "cloudAppKey": "org.example.refused.cloud",
            **options,
        }
        admin = self.platform.caller(self.platform.operator_token)
        return admin.refused(400, "POST", "/admin/v1/apps", registration)

    def explain(self, migration: RemoteMigration) -> Any:
        path = f"/admin/v1/transfers/{migration.transfer_id}/explain"
        return migration.admin.ok("GET", path)

    def end(self) -> None:
        """Fix what can be fixed and cancel the rest, or its retries would slow the next one."""
        (self.folder / "index.py").write_text("def run(event, context): ...\n")
        for migration in self.migrations:
            migration.inbox.hang = False
            migration.inbox.answers.clear()
            if migration.transfer_id:
                path = f"/admin/v1/transfers/{migration.transfer_id}/cancel"
                migration.admin.call("POST", path)
        while self.platform.callers:
            self.platform.callers.pop().close()

    def _keep(self, migration: G) -> G:
        self.migrations.append(migration)
        return migration


@contextmanager
def hanging_up() -> Iterator[str]:
    """Run a server that reads a request and closes the connection; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


Setup = Callable[[Apps], RemoteMigration]

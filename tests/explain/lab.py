"""Apps that are set up wrongly, each in a way of its own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests import support
from tests.api.connect_app import BASE, ConnectApp
from tests.contract.ground import EVENTS, Connect, Forge, Ground, manifest
from tests.contract.receiver import Receiver
from tests.support import PlatformProcess

G = TypeVar("G", bound=Ground)
WRONG_ID = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Lab:
    """Registers apps on the platform, and explains what became of their transfers."""

    platform: PlatformProcess
    receiver: Receiver
    folder: Path
    grounds: list[Ground] = field(default_factory=list)

    def forge(self, **options: Any) -> Forge:
        """A Forge app at a remote."""
        return self._keep(Forge.register(self.platform, self.receiver, **options))

    def connect(self, **options: Any) -> Connect:
        """A Connect app that was given its secret by hand."""
        return self._keep(Connect.register(self.platform, self.receiver, **options))

    def function(self, body: str) -> Forge:
        """A Forge app with one function for all events."""
        (self.folder / "index.py").write_text(
            f"import os, time\ndef run(event, context):\n    {body}\n"
        )
        return self.source()

    def source(self) -> Forge:
        """A Forge app of the folder as it is."""
        return self.forge(manifest=support.manifest(), source=str(self.folder))

    def at(self, url: str) -> Forge:
        """A Forge app whose remote is elsewhere; begun."""
        ground = self.forge(manifest=manifest(url))
        ground.begin()
        ground.advance()
        return ground

    def described(self, *answers: int, **descriptor: Any) -> Ground:
        """A Connect app with a descriptor; registering it installs it, if it says 200."""
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
        ground = Ground.register(self.platform, self.receiver, **options)
        ground.inbox = inbox
        return self._keep(ground)

    def installed(self) -> tuple[Ground, ConnectApp]:
        """The same, with the secret that came to it."""
        ground = self.described()
        return ground, self.secret_of(ground)

    def secret_of(self, ground: Ground) -> ConnectApp:
        secret = ground.inbox.received[-1].event["sharedSecret"]
        caller = self.platform.caller(None)
        return ConnectApp(caller, secret, ground.registration["cloudAppKey"], BASE)

    def register(self, **options: Any) -> Any:
        """The problem document of a registration that is refused."""
        registration = {
            "kind": "forge",
            "serverAppKey": "org.example.refused.server",
            "cloudAppKey": "org.example.refused.cloud",
            **options,
        }
        admin = self.platform.caller(self.platform.operator_token)
        return admin.refused(400, "POST", "/admin/v1/apps", registration)

    def explain(self, ground: Ground) -> Any:
        path = f"/admin/v1/transfers/{ground.transfer_id}/explain"
        return ground.admin.ok("GET", path)

    def end(self) -> None:
        """Mend what can be mended and cancel the rest, or its retries would slow the next one."""
        (self.folder / "index.py").write_text("def run(event, context): ...\n")
        for ground in self.grounds:
            ground.inbox.hang = False
            ground.inbox.answers.clear()
            if ground.transfer_id:
                path = f"/admin/v1/transfers/{ground.transfer_id}/cancel"
                ground.admin.call("POST", path)
        while self.platform.callers:
            self.platform.callers.pop().close()

    def _keep(self, ground: G) -> G:
        self.grounds.append(ground)
        return ground


@contextmanager
def hanging_up() -> Iterator[str]:
    """The address of a server that reads a request and closes the connection."""
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


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


Situation = Callable[[Lab], Ground]

__all__ = ["EVENTS", "WRONG_ID", "Lab", "Situation", "free_port", "hanging_up", "manifest"]

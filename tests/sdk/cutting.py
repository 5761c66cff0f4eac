"""A real TCP proxy on loopback that cuts a connection after so many bytes, as balancers do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE = 1 << 16


@dataclass
class Cutting:
    """``came`` counts the bytes from clients, by connection in the order in which they came.

    Where ``cut_after`` is set, the connection that brings so many bytes from then on is cut,
    once.
    """

    url: str = ""
    came: list[int] = field(default_factory=list)
    cut_after: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, connection: int, size: int) -> bool:
        """Count what came; whether the connection is to be cut now."""
        with self.lock:
            self.came[connection] += size
            if self.cut_after is None:
                return False
            self.cut_after -= size
            if self.cut_after > 0:
                return False
            self.cut_after = None
            return True


@contextmanager
def cutting_proxy(target: str) -> Iterator[Cutting]:
    """Pass on to ``target``, an URL, until the end of the block."""
    record = Cutting()
    server = (urlsplit(target).hostname or "", urlsplit(target).port or 0)
    listener = socket.create_server(("127.0.0.1", 0))
    record.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            record.came.append(0)
            clients.append(client)
            thread = threading.Thread(target=serve, args=(client, len(record.came) - 1))
            threads.append(thread)
            thread.start()

    def serve(client: socket.socket, number: int) -> None:
        refused = suppress(ConnectionRefusedError)  # the server is down for a while
        with client, refused, socket.create_connection(server) as behind:
            back = threading.Thread(target=_pass_on, args=(behind, client))
            back.start()
            with suppress(OSError):
                while piece := client.recv(_PIECE):
                    if record.count(number, len(piece)):
                        break
                    behind.sendall(piece)
            _end(client)
            _end(behind)
            back.join()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield record
    finally:
        _end(listener)
        listener.close()
        accepting.join()
        for client in clients:
            _end(client)
        for thread in threads:
            thread.join()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)

"""Requests over one connection that stays open, by a client that does as little as it can."""

import socket
from types import TracebackType

_HEAD_END = b"\r\n\r\n"
_PIECE = 1 << 18


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {token}"]
    if method == "POST":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Exchange:
    """A connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: object, _trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, sent: bytes) -> bytes:
        """Return the body of the answer to a request; anything but 200 ends the benchmark."""
        self._socket.sendall(sent)
        answer = self._socket.recv(_PIECE)
        while (end := answer.find(_HEAD_END)) < 0:
            answer += self._more()
        head = answer[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"expected 200; found {answer[:2000].decode()}")
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        pieces = [answer[end + len(_HEAD_END) :]]
        left = length - len(pieces[0])
        while left:
            pieces.append(self._more())
            left -= len(pieces[-1])
        return b"".join(pieces)

    def _more(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise SystemExit("the connection was closed")
        return piece

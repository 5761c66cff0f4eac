"""A mail server: it speaks as much SMTP as a client needs, and keeps what it gets."""

import socketserver
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


class _Conversation(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self._say("220 mail")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word.startswith(b"RCPT") and self.server.owner.refuses:
                self._say("550 no such giraffe")
            elif word == b"DATA":
                self._say("354 go on")
                self._take()
                self._say("250 kept")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        mail = message_from_bytes(b"".join(lines), policy=default)
        self.server.owner.mails.append(mail)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class SmtpServer:
    """Runs in a thread, until the block ends; ``refuses`` all recipients if told so."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Conversation)
        server.daemon_threads, server.owner = True, self
        self._server = server
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> "SmtpServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

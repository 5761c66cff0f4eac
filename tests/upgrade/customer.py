"""A customer's server app and cloud app, on the SDK that they have: a program of its own.

Files of transfer after transfer go up, one after the other, until the file ``enough`` is there.
Each line of ``sent``, ``taken`` and ``failed`` is about one file, as the apps saw it.
"""

import json
import os
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ferryman import Gateway, Migration, run_agent

FOLDER = Path(os.environ["FERRYMAN_TEST_FOLDER"])
CLOUD = Migration()
PAUSE = threading.Event()

LEAST = 3
"""Files of a transfer, however early enough is."""


def note(book: str, *words: object) -> None:
    """Write a line."""
    with (FOLDER / book).open("a") as lines:
        lines.write(" ".join(map(str, words)) + "\n")


def export(gateway: Gateway, _details: object) -> None:
    """Send a file of several parts, and then small ones."""
    number = 0
    while number < LEAST or not (FOLDER / "enough").exists():
        number += 1
        data = f"{gateway.transfer_id} {number} ".encode() * (150_000 if number == 1 else 100)
        with gateway.create_app_data(f"file-{number}") as file:
            file.write(data)
        receipt = file.receipt
        assert receipt is not None
        note("sent", receipt.message_id, sha256(data).hexdigest())
        PAUSE.wait(0.05)
    gateway.complete_export()


class CloudApp(BaseHTTPRequestHandler):
    """The remote: it reads each file that it is told about, and acknowledges it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take an event."""
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 200
        try:
            with CLOUD.get_app_data_payload(event["key"]) as payload:
                data = payload.content()
            # Before it is acknowledged, which may settle the transfer.
            note("taken", event["messageId"], sha256(data).hexdigest())
            CLOUD.message_processed(event["transferId"], event["messageId"])
        except Exception as error:  # noqa: BLE001 - told to the test
            note("failed", event["messageId"], repr(error).replace("\n", " "))
            status = 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), CloudApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run_agent(export, keys=sys.argv[2:])

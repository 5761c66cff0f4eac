"""Functions that use the network they have."""

import hashlib
import socket
import urllib.request


def download(event, context):
    """Print the digest of 32 MiB from the platform."""
    url = f"http://127.0.0.1:{event['targets']['platform']}/{32 << 20}"
    with urllib.request.urlopen(url) as answer:
        print(hashlib.file_digest(answer, "sha256").hexdigest())


def many(event, context):
    """Hold more connections than are served at once, then let go and use another."""
    address = ("127.0.0.1", event["targets"]["platform"])
    held = [socket.create_connection(address, 20) for _ in range(100)]
    for each in held:
        each.close()
    with socket.create_connection(address, 20) as connection:
        connection.sendall(b"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
        print(connection.recv(12).decode())


def other(event, context):
    """Print what another service of this machine says."""
    address = ("127.0.0.1", event["targets"]["port"])
    with socket.create_connection(address, 20) as connection:
        connection.sendall(b"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
        print(connection.recv(12).decode())


def by_name(event, context):
    """Print what a service says that is called by its name."""
    port = event["targets"]["port"]
    with urllib.request.urlopen(f"http://here.test:{port}/3") as answer:
        print(answer.read())

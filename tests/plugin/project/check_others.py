"""Tests of apps that are no Python functions."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import ferryman
from ferryman.testing import TestApp, TestPlatform, assert_settled

HERE = Path(__file__).parent
FILES = {"notes.txt": "mind the tide"}


@pytest.mark.ferryman_app("javascript")
def test_javascript(ferryman_platform: TestPlatform, ferryman_app: TestApp) -> None:
    migration = ferryman_platform.run_migration(files=FILES)
    assert_settled(migration)
    assert migration.logs == ["MIND THE TIDE"]


@pytest.mark.ferryman_app("typescript", cloud_key="org.example.typed")
def test_typescript(ferryman_platform: TestPlatform, ferryman_app: TestApp) -> None:
    assert ferryman_app.cloud_key == "org.example.typed"
    migration = ferryman_platform.run_migration(files=FILES)
    assert_settled(migration)
    assert migration.logs == ["MIND THE TIDE"]


def test_a_connect_app(ferryman_platform: TestPlatform) -> None:
    """It settles the transfer after it has answered."""

    def take(event: dict[str, Any]) -> None:
        if event["eventType"] == "app-data-uploaded":
            client = ferryman.ConnectMigration(
                ferryman_platform.url, app.cloud_key, app.shared_secret
            )
            client.report_progress(event["transferId"], "SUCCESS", percent=100)

    with listening(take) as base_url:
        app = ferryman_platform.register(HERE / "connect", base_url=base_url)
        migration = ferryman_platform.run_migration(app, files=FILES)
        assert_settled(migration, within=180)


def test_a_remote(ferryman_platform: TestPlatform) -> None:
    def take(event: dict[str, Any]) -> None:
        with ferryman.Migration(ferryman_platform.url, app.cloud_token) as client:
            client.message_processed(event["transferId"], event["messageId"])

    with listening(take) as base_url:
        app = ferryman_platform.register(HERE / "remote", base_url=base_url)
        migration = ferryman_platform.run_migration(app, files=FILES)
        assert_settled(migration, within=180)


@contextmanager
def listening(take: Callable[[dict[str, Any]], None]) -> Iterator[str]:
    """A service that answers at once and works then."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            self.wfile.flush()
            take(event)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

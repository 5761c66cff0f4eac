"""What happens to all transfers is told as one stream, which can be resumed."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit.function_app import CLOUD_APP, FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess

SECONDS = 60.0
UPLOADED = "app_data.uploaded"
_numbers = count()


def send(migration: FunctionMigration) -> str:
    """Send a file whose label no other file has; return it."""
    label = f"pages-{next(_numbers)}"
    migration.send(label)
    return label


def begin(migration: FunctionMigration) -> None:
    """Create the migration of a registered app, and have it claimed."""
    migration.create()
    migration.start()
    migration.claim()


@pytest.fixture(scope="module")
def registered(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FunctionMigration, FunctionMigration]]:
    """Two apps without a migration."""
    folder = tmp_path_factory.mktemp("app")
    yield register(running_platform, folder), register(running_platform, folder)
    running_platform.settle_all()


@pytest.fixture(scope="module")
def two(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FunctionMigration, FunctionMigration]]:
    """Two apps, each with a migration."""
    folder = tmp_path_factory.mktemp("app")
    one, other = register(running_platform, folder), register(running_platform, folder)
    begin(one)
    begin(other)
    yield one, other
    running_platform.settle_all()


def register(platform: PlatformProcess, folder: Path) -> FunctionMigration:
    """Register an app with a function."""
    (folder / "index.py").write_text(CLOUD_APP)
    return FunctionMigration.register_app(
        platform, manifest=function_manifest("index.run"), source=str(folder)
    )


class Stream:
    """Server-sent events, read one by one."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.last = ""

    def next(self) -> dict[str, Any]:
        """Wait for the next event; heartbeats are skipped."""
        data = ""
        while True:
            line = self._response.readline().decode().rstrip("\r\n")
            name, _, value = line.partition(":")
            if name == "id":
                self.last = value.strip()
            elif name == "data":
                data += value.strip()
            elif not line and data:
                found: dict[str, Any] = json.loads(data)
                return found

    def until(self, label: str) -> list[dict[str, Any]]:
        """Wait for the file of a label."""
        found = [self.next()]
        while found[-1]["data"].get("label") != label or found[-1]["kind"] != UPLOADED:
            found.append(self.next())
        return found


@contextmanager
def stream(
    platform: PlatformProcess, query: str = "", after: str | None = None
) -> Iterator[Stream]:
    address = urlsplit(platform.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)
    headers = {
        "Authorization": f"Bearer {platform.operator_token}",
        "Accept": "text/event-stream",
        **({} if after is None else {"Last-Event-ID": after}),
    }
    connection.request("GET", f"/admin/v1/events{query}", headers=headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    # The comment at the beginning: from now on, nothing is missed.
    assert response.readline().startswith(b":")
    try:
        yield Stream(response)
    finally:
        response.close()
        connection.close()


def test_a_stream_tells_of_all_transfers_and_goes_on_where_it_was(
    running_platform: PlatformProcess, two: tuple[FunctionMigration, FunctionMigration]
) -> None:
    one, other = two
    with stream(running_platform) as events:
        seen = events.until(send(one))
        last = events.last
    label = send(other)
    with stream(running_platform, after=last) as events:
        seen += events.until(label)
        assert seen[-1]["transferId"] == other.transfer_id
        assert seen[-1]["migrationId"] == other.migration_id
        numbers = {each["seq"] for each in seen}
        timeline = {each["seq"] for migration in two for each in migration.timeline()}
        missing = {each for each in timeline if min(numbers) <= each <= seen[-1]["seq"]} - numbers
        while missing:  # what was numbered before and committed later, comes later
            missing.discard(events.next()["seq"])


def test_a_stream_may_be_of_one_app_or_migration(
    running_platform: PlatformProcess, two: tuple[FunctionMigration, FunctionMigration]
) -> None:
    one, other = two
    key = other.registration["cloudAppKey"]
    for query in (f"?cloudAppKey={key}", f"?migrationId={other.migration_id}"):
        with stream(running_platform, f"{query}&kind=app_data") as events:
            send(one)
            found = events.until(send(other))
        assert {each["transferId"] for each in found} == {other.transfer_id}
        assert {each["kind"] for each in found} == {UPLOADED}


def test_a_stream_of_something_unknown_is_refused(
    two: tuple[FunctionMigration, FunctionMigration],
) -> None:
    admin = two[0].admin
    admin.refused(404, "GET", "/admin/v1/events?cloudAppKey=nobody")
    admin.refused(404, "GET", "/admin/v1/events?customer=nobody")
    admin.refused(400, "GET", "/admin/v1/events?colour=red")


def test_where_nothing_streams_a_cursor_is_polled(
    two: tuple[FunctionMigration, FunctionMigration],
) -> None:
    one, other = two
    admin, path = one.admin, f"/admin/v1/events?migrationId={other.migration_id}"
    first = admin.ok("GET", path)
    assert first["items"] == []
    send(one)
    label = send(other)
    found: list[dict[str, Any]] = []
    cursor = first["nextCursor"]
    while not [each for each in found if each["data"].get("label") == label]:
        page = admin.ok("GET", f"{path}&cursor={cursor}")
        found, cursor = [*found, *page["items"]], page["nextCursor"]
    assert {each["transferId"] for each in found} == {other.transfer_id}
    admin.refused(400, "GET", f"/admin/v1/events?cursor={cursor}")


def test_a_brief_stream_says_which_transfers_changed(
    running_platform: PlatformProcess, registered: tuple[FunctionMigration, FunctionMigration]
) -> None:
    """Each by the number of its entries, every one counted once."""
    with stream(running_platform, "?brief=true") as changes:
        for each in registered:
            begin(each)
            send(each)
        counted = {each.transfer_id: 0 for each in registered}
        entries: dict[str, int] = {}
        while counted != entries:
            told = changes.next()
            assert told["complete"]
            for transfer_id in counted:
                counted[transfer_id] += told["changes"].get(transfer_id, 0)
            entries = {each.transfer_id: len(each.timeline()) for each in registered}
            assert all(counted[key] <= entries[key] for key in counted)
        assert changes.last.isdigit()

"""An app whose functions hang harms itself alone."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from ferryman.vocab import EventType
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.e2e

PLACES = 1
"""What a function that has not returned yet may take of the four that there are."""

HOUR = 3600
"""Seconds that a function may take here: none comes to its limit, however slow the machine is."""

HANGING = """\
import json, pathlib, time

BOOK = pathlib.Path(__file__).with_name("events.jsonl")
RELEASE = pathlib.Path(__file__).with_name("release")

def run(event, context):
    with BOOK.open("a") as book:
        book.write(json.dumps(event) + "\\n")
    while not RELEASE.exists():
        time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of its own: a function may hang for long, a dead worker is soon found."""
    env = {
        "FERRYMAN_FUNCTION_SECONDS": str(HOUR),
        "FERRYMAN_FUNCTION_CONCURRENCY": "4",
        "FERRYMAN_DELIVERY_CONCURRENCY": "20",
        "FERRYMAN_HEARTBEAT_SECONDS": "1",
    }
    with PlatformProcess(tmp_path_factory.mktemp("hanging") / "data", env=env) as platform:
        yield platform


@pytest.fixture
def hanging(platform: PlatformProcess, app_folder: Path) -> Iterator[FunctionMigration]:
    """A transfer of the app that hangs, listening to its files only."""
    files_only = function_manifest(events=[EventType.UPLOADED])
    migration = FunctionMigration.begin(platform, app_folder, code=HANGING, manifest=files_only)
    yield migration
    if migration.status == "IN_PROGRESS":
        acknowledge(migration, [each["messageId"] for each in migration.messages()])
    platform.settle_all()
    release(migration)
    wait_until(lambda: not _runs(migration))


def release(migration: FunctionMigration) -> None:
    """Let the calls of its function return."""
    (migration.folder / "release").touch()


def upload_many(migration: FunctionMigration, count: int) -> list[str]:
    """Small files, by as few calls as can be; their messages."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: upload(migration, b"%d" % number), range(count)))


def upload(migration: FunctionMigration, data: bytes) -> str:
    server = migration.server
    begun = server.ok("POST", f"/server/v1/transfers/{migration.transfer_id}/app-data", {})
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    path = f"/server/v1/uploads/{begun['uploadId']}"
    [target] = server.ok("POST", f"{path}/parts", {"parts": [part]})["parts"]
    headers = {**target["headers"], "Authorization": ""}
    where = target["url"].removeprefix(server.url)
    sent = server.call(target["method"], where, raw=data, headers=headers)
    assert sent.status == 200, sent.body
    done = {"parts": [{**part, "etag": sent.headers["etag"].strip('"')}]}
    return str(server.ok("POST", f"{path}/complete", done)["messageId"])


def acknowledge(migration: FunctionMigration, message_ids: list[str]) -> None:
    path = f"/app/migration/forge/v1/message/{migration.transfer_id}/status"
    migration.cloud.ok("POST", path, {"status": "SUCCESS", "messageIds": message_ids})


def reached(migration: FunctionMigration) -> list[str]:
    """The messages that the function got, once for each time."""
    return [event["messageId"] for event in migration.events()]


def outcomes(migration: FunctionMigration) -> list[str]:
    """How the attempts at all its messages ended."""
    return [each["outcome"] for message in migration.messages() for each in message["attempts"]]


def test_what_is_acknowledged_while_it_waits_for_a_place_never_gets_one(
    platform: PlatformProcess, hanging: FunctionMigration
) -> None:
    sent = upload_many(hanging, 30)
    wait_until(lambda: len(reached(hanging)) == PLACES)
    acknowledge(hanging, sent)
    first = reached(hanging)
    assert len(first) == PLACES

    release(hanging)
    wait_until(lambda: outcomes(hanging) == ["DELIVERED"] * PLACES)
    hanging.advance(HOUR)
    assert reached(hanging) == first
    by_id = {message["messageId"]: message for message in hanging.messages()}
    assert all(by_id[each]["state"] == "DELIVERED" for each in sent)
    assert [each for each in sent if by_id[each]["attempts"]] == [s for s in sent if s in first]


def test_killing_the_worker_costs_no_attempt_of_what_only_waited(
    platform: PlatformProcess, hanging: FunctionMigration
) -> None:
    upload_many(hanging, 30)
    for kills in range(1, 4):
        # The moment at which all places are taken, and nobody is on the way to one.
        wait_until(lambda: len(reached(hanging)) >= kills * PLACES)  # noqa: B023
        [worker] = wait_until(platform.workers)
        worker.kill()
        worker.wait(60)
        assert len(reached(hanging)) == kills * PLACES
        # Another worker finds what this one had begun, and only that.
        wait_until(lambda: outcomes(hanging).count("LOST") == kills * PLACES)  # noqa: B023
        attempts = {
            m["messageId"]: sum(each["outcome"] != "RUNNING" for each in m["attempts"])
            for m in hanging.messages()
        }
        lost = Counter(reached(hanging)[: kills * PLACES])
        assert {each: count for each, count in attempts.items() if count} == lost
    assert sum(attempts.values()) == 3 * PLACES
    assert list(attempts.values()).count(0) >= 30 - 3 * PLACES


def test_other_apps_and_deadlines_are_served_on_time(
    platform: PlatformProcess, hanging: FunctionMigration, tmp_path: Path
) -> None:
    upload_many(hanging, 50)
    wait_until(lambda: len(reached(hanging)) == PLACES)
    late = FunctionMigration.begin(platform, tmp_path / "late-app", windowSeconds=20)
    late.send("nobody acknowledges this")
    other = FunctionMigration.begin(platform, tmp_path / "other-app")
    message_id = other.send("single")
    wait_until(lambda: message_id in [event["messageId"] for event in other.events()])
    wait_until(lambda: late.status == "TIMED_OUT")
    assert len(reached(hanging)) == PLACES, "those that hang went on meanwhile"


HANGS_UNTIL = """\
import pathlib, time

def run(event, context):
    while not pathlib.Path({path!r}).exists():
        time.sleep(0.1)
"""


@pytest.mark.parametrize("hanging", [2, 20])
def test_apps_that_all_hang_hold_up_no_other(tmp_path: Path, hanging: int) -> None:
    """Their functions would go on for an hour, so that nothing comes free by itself."""
    env = {"FERRYMAN_FUNCTION_SECONDS": "3600", "FERRYMAN_FUNCTION_CONCURRENCY": "4"}
    release = tmp_path / "release"
    with PlatformProcess(tmp_path / "data", env=env) as platform:
        code = HANGS_UNTIL.format(path=str(release))
        hung = [
            FunctionMigration.begin(platform, tmp_path / f"hanging-{number}", code=code)
            for number in range(hanging)
        ]
        wait_until(lambda: all(_runs(each) for each in hung))
        for number in range(3):
            healthy = FunctionMigration.begin(platform, tmp_path / f"healthy-{number}")
            message_id = healthy.send("single")
            wait_until(
                lambda: message_id in [event["messageId"] for event in healthy.events()]  # noqa: B023
            )
        assert all(_runs(each) for each in hung)
        release.touch()
        wait_until(lambda: all("DELIVERED" in outcomes(each) for each in hung))


def _runs(migration: FunctionMigration) -> bool:
    return "RUNNING" in outcomes(migration)

"""Guesses of tokens: counted, named by their address, and soon refused without a look."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, Reply, problem

TRIES = 100


@pytest.fixture
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    with PlatformProcess(tmp_path_factory.mktemp("guessed") / "data") as platform:
        yield platform


def test_who_guesses_is_slowed_down_and_whoever_was_right_is_not(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(platform, tmp_path / "app")
    path = f"/server/v1/transfers/{migration.transfer_id}/heartbeat"
    guessing = platform.caller(None)

    def guess(number: int) -> Reply:
        headers = {"Authorization": f"Bearer guess-{number}"}
        # A call that needs no token makes none right.
        assert guessing.guess("GET", "/openapi.json", headers=headers).status in (200, 429)
        return guessing.guess("POST", path, {}, headers=headers)

    statuses = [guess(number).status for number in range(50)]
    assert statuses == [401] * 50
    with ThreadPoolExecutor(8) as pool:
        replies = [each for _ in range(20) for each in pool.map(guess, range(50, TRIES))]
    reply = next(each for each in replies if each.status == 429)
    statuses += [each.status for each in replies]
    assert migration.server.call("POST", path, {}).status == 200
    assert migration.view()["status"] == "IN_PROGRESS"
    assert problem(reply)["code"] == "too_many_failures"
    assert int(reply.headers["retry-after"]) >= 1
    said = [line for line in platform.log.read_text().splitlines() if "credentials.refused" in line]
    assert said
    assert all("127.0.0.1" in line for line in said)
    assert "guess-" not in platform.log.read_text()
    metrics = migration.admin.call("GET", "/metrics").body.decode()
    [count] = [
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("ferryman_refused_credentials_total")
    ]
    assert count == pytest.approx(statuses.count(401), abs=10)


def test_a_new_token_passes_while_its_address_guesses(
    platform: PlatformProcess, tmp_path: Path
) -> None:
    guessing = platform.caller(None)
    refused, ended = Event(), Event()

    def guess() -> None:
        while not ended.is_set():
            headers = {"Authorization": f"Bearer guess-{uuid4()}"}
            if guessing.guess("GET", "/admin/v1/apps", headers=headers).status == 429:
                refused.set()

    with ThreadPoolExecutor(4) as pool:
        guesses = [pool.submit(guess) for _ in range(4)]
        try:
            assert refused.wait(60)
            migration = FunctionMigration.begin(platform, tmp_path / "app")
            path = f"/app/migration/forge/v1/data/{migration.transfer_id}/all"
            assert migration.cloud.ok("GET", path) == []
            issued = migration.admin.ok(
                "POST", "/admin/v1/tokens", {"name": "new", "role": "viewer"}
            )
            viewer = platform.caller(issued["token"])
            assert viewer.call("GET", "/admin/v1/apps").status == 200
        finally:
            ended.set()
        for each in guesses:
            each.result()


@pytest.mark.parametrize("surface", ["/server/v1/listeners/claim", "/admin/v1/clock/advance"])
def test_a_token_without_a_scheme_is_not_repeated(platform: PlatformProcess, surface: str) -> None:
    headers = {"Authorization": "sEcReT-sEcReT-sEcReT-0123456789"}
    reply = platform.caller(None).call("POST", surface, {}, headers=headers)
    assert problem(reply)["code"] == "token_missing"
    assert b"secret" not in reply.body.lower()
    assert "secret-secret" not in platform.log.read_text().lower()


def test_the_whole_path_of_an_object_is_signed(platform: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(platform, tmp_path / "app")
    migration.send("file", b"harbour")
    forge = "/app/migration/forge/v1/data"
    [file] = migration.cloud.ok("GET", f"{forge}/{migration.transfer_id}/all")
    url = migration.cloud.ok("GET", f"{forge}/{file['key']}")["url"].removeprefix(platform.url)
    nobody = platform.caller(None)
    assert nobody.call("GET", url).body == b"harbour"
    key = file["key"]
    for other in (f"x/y/{key}", f"x/{key}", f"/{key}", f"{key}/", f"{key}/x"):
        reply = nobody.call("GET", url.replace(key, other))
        assert reply.status in (403, 404), (other, reply.body)


def test_what_it_writes_is_nobody_elses(platform: PlatformProcess) -> None:
    """Its locks too: whoever could open one could hold it."""
    for path in platform.data_dir.iterdir():
        if path.name != "postgres":
            assert path.stat().st_mode & 0o077 == 0, path

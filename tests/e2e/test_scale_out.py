"""Replicas of the API and workers on a PostgreSQL of the operator's own, and a standby of it."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.cargo import Cargo, fetch
from tests.e2e.fleet import Fleet, fleet_in
from tests.e2e.harbour import Harbour
from tests.e2e.servers import Server, needs_postgresql
from tests.support import Caller, wait_until

pytestmark = [pytest.mark.e2e, needs_postgresql]

FILES = 40
ENV = {"FERRYMAN_HEARTBEAT_SECONDS": "2", "FERRYMAN_RETRY_BASE_SECONDS": "0.5"}
SYNCHRONOUS = ("synchronous_standby_names=standby", "synchronous_commit=on", "fsync=off")


@pytest.fixture
def primary() -> Iterator[Server]:
    server = Server("primary")
    try:
        server.create()
        server.start("fsync=off")
        yield server
    finally:
        server.close()


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    """It streams; from now on the primary commits only what it holds as well."""
    server = Server("standby")
    try:
        server.copy(primary)
        server.start("fsync=off")
        streaming = "SELECT FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: fetch(primary.url, streaming))
        primary.kill()
        primary.start(*SYNCHRONOUS)
        wait_until(lambda: fetch(primary.url, f"{streaming} AND sync_state = 'sync'"))
        yield server
    finally:
        server.close()


def both(primary: Server, standby: Server) -> str:
    """The address that names both, as an operator writes it."""
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"


def carry(fleet: Fleet, folder: Path, disturb: "Disturb") -> Cargo:
    """Four transfers whose files flow while ``disturb`` happens; all ends well."""
    cargo = Cargo(fleet, folder)
    harbour = Harbour(random.Random(1), cargo.acknowledge)  # noqa: S311
    harbour.open()
    try:
        crossings = [cargo.to_remote(f"{harbour.url}/a/success") for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            sending = [pool.submit(cargo.send, each, FILES) for each in crossings]
            wait_until(lambda: sum(map(len, cargo.sent.values())) >= FILES)
            disturb()
            for each in sending:
                each.result()
        wait_until(lambda: set(cargo.states().values()) == {"SUCCESS"})
    finally:
        harbour.close()
    assert harbour.problems == []
    accepted = {each for sent in cargo.sent.values() for each in sent}
    assert len(accepted) == 4 * FILES
    assert accepted <= harbour.received.keys(), "accepted, and never sent"
    return cargo


class Disturb:
    """Typed as what it is: something that happens."""

    def __call__(self) -> None: ...


def test_a_standby_is_promoted_under_load(primary: Server, standby: Server, tmp_path: Path) -> None:
    """No accepted event is lost, and nobody tells the processes where the primary is now."""

    class Replace(Disturb):
        def __call__(self) -> None:
            primary.kill()
            standby.promote()

    with fleet_in(tmp_path, both(primary, standby), ENV) as fleet:
        began = [each.process.pid for each in (*fleet.apis, *fleet.workers)]
        cargo = carry(fleet, tmp_path, Replace())
        accepted = [each for sent in cargo.sent.values() for each in sent]
        kept = fetch(standby.url, "SELECT message_id::text FROM message")
        assert set(accepted) <= {row["message_id"] for row in kept}
        assert began == [each.process.pid for each in (*fleet.apis, *fleet.workers)]
        # Timers and notifications found the new primary too, not only the pools.
        heard = (
            "SELECT count(DISTINCT client_port) AS n FROM pg_stat_activity"
            " WHERE application_name = 'ferryman' AND query ILIKE 'LISTEN%'"
        )
        assert fetch(standby.url, heard)[0]["n"] >= len(fleet.workers)
        wait_until(lambda: len(fetch(standby.url, "SELECT FROM worker")) == len(fleet.workers))
    assert fetch(standby.url, "SELECT FROM worker") == []
    assert fetch(standby.url, "SELECT FROM message WHERE worker_id IS NOT NULL") == []


def test_a_server_that_was_killed_and_comes_back_is_used_again(
    primary: Server, tmp_path: Path
) -> None:
    class Kill(Disturb):
        def __call__(self) -> None:
            for _ in range(2):
                primary.kill()
                time.sleep(0.5)
                primary.restart()

    with fleet_in(tmp_path, primary.url, ENV, apis=1, workers=2) as fleet:
        began = [each.process.pid for each in (*fleet.apis, *fleet.workers)]
        carry(fleet, tmp_path, Kill())
        assert began == [each.process.pid for each in (*fleet.apis, *fleet.workers)]


def test_all_are_restarted_one_by_one_under_load(primary: Server, tmp_path: Path) -> None:
    """SIGTERM to each in turn: all end with 0, and no attempt is lost by it."""
    with fleet_in(tmp_path, primary.url, ENV, workers=2) as fleet:

        class Roll(Disturb):
            def __call__(self) -> None:
                for kept, port in zip(fleet.apis, fleet.ports, strict=True):
                    kept.process.send_signal(signal.SIGTERM)
                    wait_until(lambda: kept.codes)  # noqa: B023
                    wait_until(lambda: fleet.ready(port) == 200)  # noqa: B023
                for kept in fleet.workers:
                    known = _workers(primary)
                    kept.process.send_signal(signal.SIGTERM)
                    wait_until(lambda: kept.codes)  # noqa: B023
                    wait_until(lambda: _workers(primary) - known)  # noqa: B023

        carry(fleet, tmp_path, Roll())
        assert [each.codes for each in (*fleet.apis, *fleet.workers)] == [[0]] * 4
        lost = "SELECT FROM attempt WHERE outcome = 'LOST'"
        assert fetch(primary.url, lost) == []


def _workers(server: Server) -> set[str]:
    return {str(row["worker_id"]) for row in fetch(server.url, "SELECT worker_id FROM worker")}


def test_a_replica_that_ends_answers_what_it_began_and_refuses_the_rest(
    primary: Server, tmp_path: Path
) -> None:
    token = "the-same-for-all-replicas-of-it"
    env = {**ENV, "FERRYMAN_OPERATOR_TOKEN": token}
    with fleet_in(tmp_path, primary.url, env, apis=1, workers=0) as fleet:
        file = fleet.data_dir / "operator-token"
        assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{token}\n", 0o600)
        cargo = Cargo(fleet, tmp_path)
        crossing = cargo.to_remote("http://127.0.0.1:9/a/none")
        path = f"/admin/v1/migrations/{crossing.migration_id}/mappings"
        caller = Caller(f"http://127.0.0.1:{fleet.ports[0]}", crossing.admin._token)
        begun, more = threading.Event(), threading.Event()

        def rows() -> Iterator[bytes]:
            yield b'{"namespace": "jira:issue", "serverKey": "1", "cloudKey": "2"}\n'
            begun.set()
            more.wait(90)
            yield b'{"namespace": "jira:issue", "serverKey": "3", "cloudKey": "4"}\n'

        with ThreadPoolExecutor(1) as pool:
            headers = {"Content-Type": "application/x-ndjson"}
            loading = pool.submit(caller.call, "PUT", path, raw=rows(), headers=headers)  # type: ignore[arg-type]
            begun.wait(90)
            wait_until(lambda: caller.call("GET", "/readyz").status == 200)
            fleet.apis[0].process.send_signal(signal.SIGTERM)
            wait_until(lambda: caller.call("GET", "/readyz").status == 503)
            assert caller.call("GET", "/healthz").status == 200
            refused = caller.refused(503, "GET", f"/admin/v1/transfers/{crossing.transfer_id}")
            assert refused["code"] == "stopping"
            assert fleet.apis[0].codes == []
            more.set()
            reply = loading.result()
            assert reply.status == 200, reply.body
        caller.close()
        wait_until(lambda: fleet.apis[0].codes == [0])

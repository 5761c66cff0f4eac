"""Replicas of the API and workers on a PostgreSQL of the operator's own, and a standby of it."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kit.cluster import Cluster, run_cluster
from tests.kit.database import fetch
from tests.kit.flaky_remotes import FlakyRemotes
from tests.kit.platform import Caller, wait_until
from tests.kit.postgres import PostgresServer, needs_postgresql
from tests.kit.traffic import Traffic

pytestmark = [pytest.mark.e2e, needs_postgresql]

FILES = 40
ENV = {"FERRYMAN_HEARTBEAT_SECONDS": "2", "FERRYMAN_RETRY_BASE_SECONDS": "0.5"}
SYNCHRONOUS = ("synchronous_standby_names=standby", "synchronous_commit=on", "fsync=off")


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    server = PostgresServer("primary")
    try:
        server.create()
        server.start("fsync=off")
        yield server
    finally:
        server.close()


@pytest.fixture
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """It streams; from now on the primary commits only what it holds as well."""
    server = PostgresServer("standby")
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


def both(primary: PostgresServer, standby: PostgresServer) -> str:
    """The address that names both, as an operator writes it."""
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"


def carry(cluster: Cluster, folder: Path, disturb: "Disturb") -> Traffic:
    """Four transfers whose files flow while ``disturb`` happens; all ends well."""
    traffic = Traffic(cluster, folder)
    remotes = FlakyRemotes(random.Random(1), traffic.acknowledge)  # noqa: S311
    remotes.open()
    try:
        migrations = [traffic.to_remote(f"{remotes.url}/a/success") for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            sending = [pool.submit(traffic.send, each, FILES) for each in migrations]
            wait_until(lambda: sum(map(len, traffic.sent.values())) >= FILES)
            disturb()
            for each in sending:
                each.result()
        wait_until(lambda: set(traffic.states().values()) == {"SUCCESS"})
    finally:
        remotes.close()
    assert remotes.problems == []
    accepted = {each for sent in traffic.sent.values() for each in sent}
    assert len(accepted) == 4 * FILES
    assert accepted <= remotes.received.keys(), "accepted, and never sent"
    return traffic


class Disturb:
    """Typed as what it is: something that happens."""

    def __call__(self) -> None: ...


def test_a_standby_is_promoted_under_load(
    primary: PostgresServer, standby: PostgresServer, tmp_path: Path
) -> None:
    """No accepted event is lost, and nobody tells the processes where the primary is now."""

    class Replace(Disturb):
        def __call__(self) -> None:
            primary.kill()
            standby.promote()

    with run_cluster(tmp_path, both(primary, standby), ENV) as cluster:
        began = [each.process.pid for each in (*cluster.apis, *cluster.workers)]
        traffic = carry(cluster, tmp_path, Replace())
        accepted = [each for sent in traffic.sent.values() for each in sent]
        kept = fetch(standby.url, "SELECT message_id::text FROM message")
        assert set(accepted) <= {row["message_id"] for row in kept}
        assert began == [each.process.pid for each in (*cluster.apis, *cluster.workers)]
        # Timers and notifications found the new primary too, not only the pools.
        heard = (
            "SELECT count(DISTINCT client_port) AS n FROM pg_stat_activity"
            " WHERE application_name = 'ferryman' AND query ILIKE 'LISTEN%'"
        )
        wait_until(lambda: fetch(standby.url, heard)[0]["n"] >= len(cluster.workers))
        wait_until(lambda: len(fetch(standby.url, "SELECT FROM worker")) == len(cluster.workers))
    assert fetch(standby.url, "SELECT FROM worker") == []
    assert fetch(standby.url, "SELECT FROM message WHERE worker_id IS NOT NULL") == []


def test_a_server_that_was_killed_and_comes_back_is_used_again(
    primary: PostgresServer, tmp_path: Path
) -> None:
    class Kill(Disturb):
        def __call__(self) -> None:
            for _ in range(2):
                primary.kill()
                time.sleep(0.5)
                primary.restart()

    with run_cluster(tmp_path, primary.url, ENV, apis=1, workers=2) as cluster:
        began = [each.process.pid for each in (*cluster.apis, *cluster.workers)]
        carry(cluster, tmp_path, Kill())
        assert began == [each.process.pid for each in (*cluster.apis, *cluster.workers)]


def test_all_are_restarted_one_by_one_under_load(primary: PostgresServer, tmp_path: Path) -> None:
    """SIGTERM to each in turn: all end with 0, and no attempt is lost by it."""
    with run_cluster(tmp_path, primary.url, ENV, workers=2) as cluster:

        class Roll(Disturb):
            def __call__(self) -> None:
                for kept, port in zip(cluster.apis, cluster.ports, strict=True):
                    kept.process.send_signal(signal.SIGTERM)
                    wait_until(lambda: kept.codes)  # noqa: B023
                    wait_until(lambda: cluster.ready(port) == 200)  # noqa: B023
                for kept in cluster.workers:
                    known = _workers(primary)
                    kept.process.send_signal(signal.SIGTERM)
                    wait_until(lambda: kept.codes)  # noqa: B023
                    wait_until(lambda: _workers(primary) - known)  # noqa: B023

        carry(cluster, tmp_path, Roll())
        assert [each.codes for each in (*cluster.apis, *cluster.workers)] == [[0]] * 4
        lost = "SELECT FROM attempt WHERE outcome = 'LOST'"
        assert fetch(primary.url, lost) == []


def _workers(server: PostgresServer) -> set[str]:
    return {str(row["worker_id"]) for row in fetch(server.url, "SELECT worker_id FROM worker")}


def test_a_replica_that_ends_answers_what_it_began_and_refuses_the_rest(
    primary: PostgresServer, tmp_path: Path
) -> None:
    token = "the-same-for-all-replicas-of-it"
    # One process: of two, the one without a call ends first, and resets who just comes to it.
    env = {**ENV, "FERRYMAN_OPERATOR_TOKEN": token, "FERRYMAN_API_PROCESSES": "1"}
    with run_cluster(tmp_path, primary.url, env, apis=1, workers=0) as cluster:
        file = cluster.data_dir / "operator-token"
        assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{token}\n", 0o600)
        traffic = Traffic(cluster, tmp_path)
        migration = traffic.to_remote("http://127.0.0.1:9/a/none")
        path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
        caller = Caller(f"http://127.0.0.1:{cluster.ports[0]}", migration.admin._token)
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
            cluster.apis[0].process.send_signal(signal.SIGTERM)
            wait_until(lambda: caller.call("GET", "/readyz").status == 503)
            assert caller.call("GET", "/healthz").status == 200
            own = f"/admin/v1/transfers/{migration.transfer_id}"
            refused = wait_until(
                lambda: reply if (reply := caller.call("GET", own)).status == 503 else None
            )
            assert refused.json["code"] == "stopping"
            assert cluster.apis[0].codes == []
            more.set()
            reply = loading.result()
            assert reply.status == 200, reply.body
        caller.close()
        wait_until(lambda: cluster.apis[0].codes == [0])

"""A claim is confirmed and kept by its gateway, and given up when another agent has it."""

import threading
from collections.abc import Callable

import pytest

from ferryman import Gateway, GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.keepalive import Heartbeat

from .running import Platform, Running, labelled

PATIENCE = 60.0


def gateway_of(running: Running, claim: int | None) -> Gateway:
    return Gateway(running.url, running.server_token, running.transfer_id, claim=claim)


def heartbeats(platform: Platform, running: Running) -> int:
    kinds = [entry["kind"] for entry in platform.timeline(running)]
    return kinds.count("listener.running")


def test_keeping_a_claim_says_that_the_listener_runs(platform: Platform, running: Running) -> None:
    claim = platform.claim(running)
    with gateway_of(running, claim) as gateway:
        gateway.keep_claim()
        assert heartbeats(platform, running) == 1
        gateway.report_return()
    assert platform.timeline(running)[-1]["kind"] == "listener.returned"


def test_a_gateway_of_an_earlier_claim_can_do_nothing(platform: Platform, running: Running) -> None:
    first = platform.claim(running)
    with gateway_of(running, first) as old:
        file = old.create_app_data("half")
        file.write(b"x" * (9 << 20))
        second = platform.claim(running)
        assert second == first + 1
        calls: list[Callable[[], object]] = [
            file.close,
            old.keep_claim,
            old.create_app_data("new").complete,
            old.complete_export,
            old.report_return,
            lambda: old.complete_export(abandon_unfinished=True),
            lambda: old.get_mapping_by_id("identity:user", ["1"]),
            lambda: old.report_error(ValueError()),
        ]
        for call in calls:
            with pytest.raises(GatewayError) as refused:
                call()
            assert refused.value.code in {"claim_superseded", "export_incomplete"}
    with gateway_of(running, second) as new:
        new.create_app_data("half").close()
        new.complete_export()
    assert labelled(platform, running) == ["half"]


def test_uploads_end_when_another_agent_has_the_transfer(
    platform: Platform, running: Running
) -> None:
    claim = platform.claim(running)
    with gateway_of(running, claim) as gateway:
        file = gateway.create_app_data("half")
        file.write(b"x")
        platform.claim(running)
        transport = HttpTransport(
            running.url,
            running.server_token,
            headers={"ferryman-claim": str(claim)},
        )
        lost: list[GatewayError] = []
        told = threading.Event()

        def on_lost(failure: GatewayError) -> None:
            lost.append(failure)
            gateway._cut(failure)
            told.set()

        beat = Heartbeat(transport, running.transfer_id, on_lost, seconds=0.01)
        with pytest.raises(GatewayError, match="claim_superseded"):
            beat.start()
        beat._run()
        assert told.is_set()
        assert [each.code for each in lost] == ["claim_superseded"]
        with pytest.raises(GatewayError) as refused:
            file.write(b"more")
        assert refused.value.code == "claim_superseded"
        with pytest.raises(GatewayError):
            file.close()
        transport.close()


def test_a_heartbeat_outlives_an_outage_and_ends_with_the_transfer(
    platform: Platform, running: Running
) -> None:
    claim = platform.claim(running)
    away = HttpTransport("http://127.0.0.1:9", "token")
    missed = Heartbeat(away, running.transfer_id, lambda _: None, seconds=0.01)
    thread = threading.Thread(target=missed._run)
    thread.start()
    missed.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    transport = HttpTransport(running.url, running.server_token)
    with gateway_of(running, claim) as gateway:
        gateway.complete_export()
        beat = Heartbeat(transport, running.transfer_id, lambda _: None, seconds=0.01)
        beat._run()  # the transfer is settled: it returns by itself
    transport.close()
    away.close()

"""Every call of a gateway may be repeated: an answer that is lost leaves nothing behind."""

from contextlib import suppress

import pytest

from ferryman import GatewayError

from .relay import relayed
from .running import Platform, Running, labelled

LARGE = 9 << 20


@pytest.mark.parametrize("size", [5, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("call", ["/app-data", "/batch", "/parts", "/complete", "/complete-export"])
def test_a_lost_answer_changes_nothing(
    platform: Platform, running: Running, call: str, key: str | None, size: int
) -> None:
    with relayed(running) as (relay, gateway):
        relay.losing.append(call)
        with gateway.create_app_data("x", resume_key=key) as data:
            data.write(b"x" * size)
        gateway.complete_export()
        # A small file is begun in a batch, with its part: nothing asks for its URL.
        asked = call not in ({"/batch"} if size == LARGE else {"/app-data", "/parts"})
        assert relay.lost == ([call] if asked else [])
    assert labelled(platform, running) == ["x"]
    view = platform.view(running)
    assert (view["files"], view["unfinishedFiles"]) == (1, 0)


@pytest.mark.parametrize("size", [5, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("lost", [["/app-data"], ["DELETE"], ["/app-data", "DELETE"]])
def test_a_failed_file_can_be_written_again_whatever_answer_was_lost(
    platform: Platform, running: Running, lost: list[str], size: int
) -> None:
    with relayed(running) as (relay, gateway):
        relay.losing += [each for each in lost if each != "DELETE"]
        with suppress(ZeroDivisionError), gateway.create_app_data("x") as data:
            data.write(b"x" * size)
            if "DELETE" in lost:
                relay.losing.append("")  # whatever comes next, which gives the file up
            raise ZeroDivisionError
        with pytest.raises(GatewayError, match="'x'"):
            gateway.complete_export()
        relay.losing.clear()
        with gateway.create_app_data("x") as data:
            data.write(b"x" * size)
        gateway.complete_export()
    assert labelled(platform, running) == ["x"]
    assert platform.view(running)["unfinishedFiles"] == 0


def test_the_end_of_a_listener_may_be_said_twice(platform: Platform, running: Running) -> None:
    claim = platform.claim(running)
    with relayed(running, claim) as (relay, gateway):
        relay.losing += ["/heartbeat", "/returned"]
        gateway.keep_claim()
        gateway.report_return()
        assert relay.lost == ["/heartbeat", "/returned"]
    kinds = [entry["kind"] for entry in platform.timeline(running)]
    assert kinds.count("listener.running") == kinds.count("listener.returned") == 1

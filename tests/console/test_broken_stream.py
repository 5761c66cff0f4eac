"""A stream that the network breaks is taken up again: no entry is missing, none is there twice."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.network import BreakingNetwork
from tests.console.test_timeline_pages import shown
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

BREAKS = 3


@pytest.fixture(scope="module")
def network(running_platform: PlatformProcess) -> Iterator[BreakingNetwork]:
    network = BreakingNetwork(running_platform)
    yield network
    network.close()


@pytest.fixture
def tab(network: BreakingNetwork, browser: Browser) -> Iterator[Page]:
    """A page behind the network, which needs a loop of its own before the browser's."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page


def test_a_stream_that_breaks_in_an_entry_loses_and_repeats_nothing(
    network: BreakingNetwork, tab: Page, failing: FunctionMigration
) -> None:
    link = failing.admin.ok("POST", "/console/links")["path"]
    log = f"/app/migration/forge/v1/log/{failing.transfer_id}"
    tab.goto(network.url + link)
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("heading", name="Overview").wait_for()
    tab.goto(f"{network.url}/console/transfers/{failing.transfer_id}")
    assert wait_until(lambda: network.streams)
    for number in range(BREAKS):
        begun = network.streams
        network.breaks = 1
        failing.cloud.ok("POST", log, {"message": f"before {number}."})
        assert wait_until(lambda: not network.breaks)
        failing.cloud.ok("POST", log, {"message": f"while it was broken {number}."})
        expect(tab.locator("#rows")).to_contain_text(f"while it was broken {number}.")
        assert wait_until(lambda begun=begun: network.streams > begun)  # type: ignore[misc]
    failing.cloud.ok("POST", log, {"message": "after."})
    expect(tab.locator("#rows")).to_contain_text("after.")
    # Attempts go on meanwhile, so the two are the same only once no entry falls between them.
    wait_until(lambda: shown(tab.content()) == [each["seq"] for each in failing.timeline()])

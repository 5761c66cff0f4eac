"""Forecasts in the console: what is expected and how sure it is, and nothing without a basis."""

import re

import pytest
from playwright.sync_api import Page, expect

from ferryman import Gateway
from ferryman.cli.output.forecasts import Forecasts
from ferryman.client.admin import AdminClient
from tests.console.conftest import enter
from tests.console.people import Console
from tests.console.test_looks import faults
from tests.kit.platform import PlatformProcess
from tests.kit.receiver import Receiver
from tests.kit.remote_app import ForgeMigration


@pytest.fixture
def app(platform_process: PlatformProcess, receiver: Receiver) -> ForgeMigration:
    """An app that acknowledges nothing by itself."""
    app = ForgeMigration.register(platform_process, receiver)
    platform_process.cleanups.append(app.end)
    app.begin()
    return app


def export(app: ForgeMigration) -> None:
    """Export small files and a larger one, which takes ten minutes; the last one still waits."""
    with Gateway(app.server.url, app.tokens["serverToken"], app.transfer_id) as gateway:

        def send(*sizes: int) -> list[str]:
            made = gateway.upload_many([(f"of {size} bytes", b"x" * size) for size in sizes])
            return [each.message_id for each in made]

        for minutes, sizes in ((1, [7] * 10), (10, [1000]), (1, [7] * 12)):
            made = send(*sizes)
            app.advance(minutes=minutes)
            app.acknowledge(*made)
        send(10_000)
        gateway.complete_export()


def test_a_forecast_is_shown_where_there_is_a_basis(console: Console, app: ForgeMigration) -> None:
    """Of the transfer itself, and before any file has come, of the run before."""
    places = [f"transfers/{app.transfer_id}", f"migrations/{app.migration_id}"]
    for place in places:
        assert "Forecast" not in console.text(place)
    export(app)
    for place in places:
        shown = console.text(place)
        assert "Forecast" in shown
        assert "n 8 of 10 cases" in shown
        assert "from its first 23 files" in shown
        assert "ends " in shown
        assert "the deadline may pass: nothing moves it" in shown
    app.admin.ok("POST", f"/admin/v1/transfers/{app.transfer_id}/pause")
    for place in places:
        assert "Forecast" not in console.text(place)
    app.admin.ok("POST", f"/admin/v1/transfers/{app.transfer_id}/resume")
    app.acknowledge(app.message_of("of 10000 bytes"))
    assert app.status == "SUCCESS"
    for place in places:
        assert "Forecast" not in console.text(place)
    app.begin()
    shown = console.text(f"transfers/{app.transfer_id}")
    assert "from the first 24 files of an earlier run" in shown
    app.admin.ok("POST", f"/admin/v1/transfers/{app.transfer_id}/cancel")
    assert app.status == "CANCELLATION_REQUESTED"
    for place in (f"transfers/{app.transfer_id}", f"migrations/{app.migration_id}"):
        assert "Forecast" not in console.text(place), "of what it no longer does"


def test_whoever_watches_a_transfer_reads_its_forecast(
    platform_process: PlatformProcess, app: ForgeMigration
) -> None:
    """When it ends, and once what it may run into."""
    admin = AdminClient(platform_process.url, platform_process.operator_token)
    view = admin.transfers.get(app.transfer_id)
    assert (Forecasts(admin).ends(view), Forecasts(admin).risks(view)) == ("", [])
    export(app)
    forecasts = Forecasts(admin)
    assert re.fullmatch(r", ends [-\d]+ \d\d:\d\d to ([-\d]+ )?\d\d:\d\d", forecasts.ends(view))
    [(line, _)] = forecasts.risks(view)
    assert line.startswith(f"! {app.registration['cloudAppKey']}: the deadline may pass")
    assert forecasts.risks(view) == []
    app.admin.ok("POST", f"/admin/v1/transfers/{app.transfer_id}/pause")
    paused, forecasts = admin.transfers.get(app.transfer_id), Forecasts(admin)
    assert (forecasts.ends(paused), forecasts.risks(paused)) == ("", [])
    app.admin.ok("POST", f"/admin/v1/transfers/{app.transfer_id}/resume")


def test_a_forecast_appears_on_an_open_page(
    page: Page, axe: str, platform_process: PlatformProcess, app: ForgeMigration
) -> None:
    """Nobody loads it again; axe finds nothing serious in it, light and dark."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{app.transfer_id}")
    expect(page.locator("#head")).to_contain_text("in progress")
    assert page.locator("#forecast").count() == 0
    export(app)
    expect(page.locator("#forecast")).to_contain_text("in 8 of 10 cases")
    expect(page.locator("#risks")).to_contain_text("the deadline may pass")
    serious = faults(page, axe)
    page.goto(f"{platform_process.url}/console/migrations/{app.migration_id}")
    expect(page.locator("#forecasts")).to_contain_text("the deadline may pass")
    assert not serious + faults(page, axe)

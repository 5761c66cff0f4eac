"""An open page that is updated takes nothing from whoever uses it: no click, no key, no focus."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.conftest import enter
from tests.console.people import HANDS, Hands, Mouse
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

UPDATE = """async () => {
  while (running) await new Promise(done => setTimeout(done, 20));
  await refresh();
}"""


@pytest.fixture
def ready(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder, claim=False)


@HANDS
def test_an_update_waits_for_what_is_pressed(
    kind: Hands, page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """A box that is exchanged between press and release would not be ticked."""
    enter(page, platform_process)
    app = ready.registration["cloudAppKey"]
    page.goto(f"{platform_process.url}/console/migrations?app={app}")
    box = page.locator(f"#t{ready.transfer_id}").get_by_role("checkbox")
    if kind is Mouse:
        box.hover()
        page.mouse.down()
    else:
        box.focus()
        page.keyboard.down("Space")
    other = ready.another()
    page.evaluate(UPDATE)
    if kind is Mouse:
        page.mouse.up()
    else:
        page.keyboard.up("Space")
    expect(box).to_be_checked()
    expect(page.locator(f"#t{other.transfer_id}")).to_be_visible()
    expect(box).to_be_checked()


def test_the_focus_stays_at_what_moved(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """Buttons come before it, and Enter would push one of those."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{ready.transfer_id}")
    cancel = page.locator("summary", has_text="Cancel…")
    cancel.focus()
    assert page.locator("summary", has_text="Extend…").count() == 0
    ready.claim()
    expect(page.locator("summary", has_text="Extend…")).to_be_visible()
    expect(cancel).to_be_focused()


def test_the_focus_stays_in_what_was_unfolded(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    ready.claim()
    ready.upload("boards")
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{ready.transfer_id}/messages")
    card = page.locator("#list li", has_text="boards")
    expect(card.locator("summary").first).to_contain_text("delivered")
    card.locator("summary").first.click()
    button = card.get_by_role("button", name="Show the event")
    button.focus()
    ready.upload("pages")
    expect(page.locator("#list li", has_text="pages")).to_be_visible()
    expect(button).to_be_focused()


def test_rows_of_an_earlier_filter_do_not_come_back(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """The list was asked for before the filter was changed, and is answered after that."""
    enter(page, platform_process)
    app = ready.registration["cloudAppKey"]
    page.goto(f"{platform_process.url}/console/migrations?app={app}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "x-requested-with" in route.request.headers and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/console/migrations?*", hold)
    page.evaluate("soon()")
    wait_until(lambda: page.evaluate("running") and held)
    earlier = held[0].fetch()
    page.get_by_label("Text").fill("nothing-is-called-so")
    expect(page.locator("#list")).to_contain_text("No transfer matches")
    held[0].fulfill(response=earlier)
    wait_until(lambda: page.evaluate("!running"))
    assert "No transfer matches" in page.locator("#list").inner_text()
    page.unroute_all()


def test_nothing_changes_while_something_is_pressed(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """Not even beside it: the button would be elsewhere when it is released."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/migrations/{ready.migration_id}")
    archive = page.get_by_role("button", name="Archive")
    page.locator("summary", has_text="Copy…").hover()
    page.mouse.down()
    ready.cancel()
    page.evaluate(UPDATE)
    assert archive.count() == 0
    page.mouse.up()
    expect(page.get_by_label("Name")).to_be_visible()
    expect(archive).to_be_visible()


def test_the_last_update_comes_once_nothing_is_unfolded(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """The transfer ends while somebody is asked whether to cancel it."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{ready.transfer_id}")
    cancel = page.locator("summary", has_text="Cancel…")
    cancel.click()
    ready.cancel()
    page.evaluate(UPDATE)
    wait_until(lambda: page.evaluate("!running && !pending"))
    cancel.click()
    expect(cancel).to_have_count(0)


def test_the_focus_does_not_go_to_a_button_that_does_something_else(
    page: Page, platform_process: PlatformProcess, ready: FunctionMigration
) -> None:
    """Enter would start what somebody else has stopped."""
    enter(page, platform_process)
    selection = {"cloudAppKey": ready.registration["cloudAppKey"], "stuck": False}
    plan = {"operation": "cancel", "selection": selection}
    job = ready.admin.ok("POST", "/admin/v1/jobs", plan)["jobId"]
    page.goto(f"{platform_process.url}/console/jobs/{job}")
    page.get_by_role("button", name="Cancel 1").focus()
    ready.admin.ok("POST", f"/admin/v1/jobs/{job}/stop")
    page.evaluate(UPDATE)
    button = page.get_by_role("button", name="Go on")
    expect(button).to_be_visible()
    expect(button).not_to_be_focused()

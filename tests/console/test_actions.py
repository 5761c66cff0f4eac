"""What people do on pages besides the story: bodies of events, jobs on many things at once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import enter
from tests.console.people import HANDS, Console, Hands, Keyboard
from tests.console.test_looks import faults
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.receiver import Received, Receiver
from tests.kit.remote_app import ForgeMigration


@pytest.fixture(scope="module")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of this file's own: its lists have what these tests made."""
    with PlatformProcess(tmp_path_factory.mktemp("actions") / "data") as platform:
        yield platform


@pytest.fixture
def given_up(platform_process: PlatformProcess, receiver: Receiver) -> ForgeMigration:
    """A migration of which three messages were given up, and which would take them now.

    At a remote, since a function that fails has a new process for each attempt.
    """
    migration = ForgeMigration.register(platform_process, receiver)
    platform_process.cleanups.append(migration.end)
    migration.inbox.answer = lambda _: 500
    migration.begin()
    for label in ("one", "file three", "file two"):
        migration.upload(label)
    # The event of the listener, which has no label, is given up too.
    migration.advance(600)
    assert {each["state"] for each in migration.messages()} == {"UNDELIVERED"}

    def take(received: Received) -> int:
        path = f"/message/{migration.transfer_id}/status"
        body = {"status": "SUCCESS", "messageIds": [received.event["messageId"]]}
        return migration.call("POST", path, body).status

    migration.inbox.answer = take
    return migration


@HANDS
def test_an_event_is_shown_when_asked_for(
    kind: Hands, page: Page, platform_process: PlatformProcess, given_up: ForgeMigration
) -> None:
    """On the page of the message, and of the transfer; the asking is audited, the looking not."""
    hand = kind(page)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{given_up.transfer_id}/messages")
    audit = "/admin/v1/audit?operation=get_message_body"
    before = len(given_up.admin.ok("GET", audit)["items"])
    card = page.locator("#list li", has_text="two")
    hand.press(card.get_by_role("button", name="Show the event"))
    event = card.locator("div.event pre")
    expect(event).to_contain_text('"label": "file two"')
    told = json.loads(event.inner_text())
    assert told["transferId"] == given_up.transfer_id
    assert len(given_up.admin.ok("GET", audit)["items"]) == before + 1


def test_files_are_verified_where_they_are_listed(
    page: Page, axe: str, platform_process: PlatformProcess, given_up: ForgeMigration
) -> None:
    """By keys alone; the list stays."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{given_up.transfer_id}/files")
    Keyboard(page).press(page.get_by_role("button", name="Verify the files"))
    expect(page.locator("#verified")).to_contain_text("as accepted 3 files")
    expect(page.locator("#list tbody tr")).to_have_count(3)
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert not faults(page, axe)


def test_an_event_is_shown_without_script(console: Console, given_up: ForgeMigration) -> None:
    message = given_up.message_of("one")
    reply = console.send(f"messages/{message}/body")
    assert reply.status == 200
    assert "&#34;label&#34;: &#34;one&#34;" in reply.body.decode()


@HANDS
def test_chosen_messages_are_redelivered_by_a_job(
    kind: Hands, page: Page, platform_process: PlatformProcess, given_up: ForgeMigration
) -> None:
    """Two of three: the number before the start, and what came of each."""
    hand = kind(page)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/messages?app={given_up.registration['cloudAppKey']}")
    button = page.get_by_role("button", name="chosen…")
    expect(button).to_be_disabled()
    for label in ("one", "three"):
        hand.tick(page.locator("tr", has_text=label).get_by_role("checkbox"))
    expect(button).to_contain_text("Redeliver 2 chosen")
    hand.press(button)
    expect(page.get_by_role("heading", level=1)).to_have_text("Redeliver 2 messages?")
    hand.press(page.get_by_role("button", name="Redeliver 2", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 messages delivered again")
    expect(page.locator("tbody .status.good")).to_have_count(2)
    assert wait_until(lambda: given_up.view()["acknowledged"] == 2)


def test_of_two_who_act_on_one_message_the_second_learns_of_it(
    platform_process: PlatformProcess, given_up: ForgeMigration
) -> None:
    """It is redelivered once, whoever's page still offers it."""
    people = [Console(platform_process) for _ in range(2)]
    for each in people:
        each.sign_in(platform_process.operator_token)
        page = each.text(f"transfers/{given_up.transfer_id}/messages")
    message = given_up.message_of("one")
    assert f"messages/{message}/redeliver" in page
    first, second = (each.send(f"messages/{message}/redeliver") for each in people)
    assert first.status == 303
    assert second.status == 409
    assert "What to do" in second.body.decode()
    redelivered = given_up.timeline("message.redelivered")
    assert [each["data"]["messageId"] for each in redelivered] == [message]


@HANDS
def test_all_that_match_are_redelivered(
    kind: Hands, page: Page, platform_process: PlatformProcess, given_up: ForgeMigration
) -> None:
    """Those of the filters, and no others."""
    hand = kind(page)
    enter(page, platform_process)
    app = given_up.registration["cloudAppKey"]
    page.goto(f"{platform_process.url}/console/messages?app={app}&text=file")
    hand.press(page.get_by_role("button", name="Redeliver all that match…"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Redeliver 2 messages?")
    hand.press(page.get_by_role("button", name="Redeliver 2", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 messages delivered again")


@HANDS
def test_chosen_transfers_are_cancelled_and_the_list_keeps_the_choice(
    kind: Hands, page: Page, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """The list changes beneath the choice, which stays; so does the focus."""
    hand = kind(page)
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    enter(page, platform_process)
    app = migration.registration["cloudAppKey"]
    page.goto(f"{platform_process.url}/console/migrations?app={app}")
    row = page.locator(f"#t{migration.transfer_id}")
    hand.tick(row.get_by_role("checkbox"))
    other = migration.another()
    expect(page.locator(f"#t{other.transfer_id}")).to_be_visible()
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(row.get_by_role("checkbox")).to_be_focused()
    hand.press(page.get_by_role("button", name="Cancel 1 chosen…"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 1 transfer?")
    hand.press(page.get_by_role("button", name="Cancel 1", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 transfer cancelled")
    assert migration.view()["status"] == "SKIPPED"
    assert other.view()["status"] == "READY"


def test_axe_finds_nothing_serious_on_jobs(
    browser: Browser, page: Page, axe: str, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Nor in a report that was downloaded."""
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    selection = {"transferIds": [migration.transfer_id]}
    job = migration.admin.ok(
        "POST", "/admin/v1/jobs", {"operation": "cancel", "selection": selection}
    )
    enter(page, platform_process)
    serious = []
    for each in ("jobs", f"jobs/{job['jobId']}", "migrations"):
        page.goto(f"{platform_process.url}/console/{each}")
        serious += [f"{each}: {fault}" for fault in faults(page, axe)]
    path = f"/admin/v1/migrations/{migration.migration_id}/report.html"
    file = app_folder / "report.html"
    file.write_bytes(migration.admin.call("GET", path).body)
    with browser.new_context() as context:
        context.set_default_timeout(60_000)
        report = context.new_page()
        report.goto(file.as_uri())
        serious += [f"report: {fault}" for fault in faults(report, axe)]
    assert not serious, "\n".join(serious)

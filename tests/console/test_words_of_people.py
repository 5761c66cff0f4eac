"""Pages say things in words of people, and lead to what an operator looks for."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from ferryman.console.entry_summary import EntrySummarizer
from ferryman.console.names import kind_in_words
from ferryman.sentences import _SENTENCES
from ferryman.wire.transfer import TimelineEntry
from tests.console.conftest import enter
from tests.console.people import Console
from tests.console.test_looks import faults, once_attempted
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import TRIGGERED, UPLOADED, function_manifest
from tests.kit.platform import PlatformProcess, wait_until


@pytest.mark.parametrize("kind", [*_SENTENCES, "a_newer.kind_of_entry"])
def test_kinds_of_entries_are_words(kind: str) -> None:
    assert not set("._") & set(kind_in_words(kind))


def test_a_listener_that_was_called_again_says_so() -> None:
    told = [
        EntrySummarizer([])(TimelineEntry(seq=1, at=1, kind="listener.claimed", data=data))
        for data in ({"agentId": "a", "claim": 1}, {"agentId": "a", "claim": 2})
    ]
    assert told == ["listener called by the agent a", "listener called by the agent a, call 2"]


def test_no_page_shows_names_of_code(console: Console, failing: FunctionMigration) -> None:
    once_attempted(failing)
    # Of the audit its own rows: others have ended sessions, whose records have names of tokens.
    audit = f"audit?target={failing.migration_id}"
    pages = ["", "platform", audit, "sessions", f"transfers/{failing.transfer_id}"]
    for page in pages:
        shown = re.sub(r"<[^>]+>", " ", console.text(page))
        for code in (
            *("operator-token", "objectStore", "seen within", "start_migration"),
            *("message.not_routed", "message.created", "attempt.failed", "listener.claimed"),
        ):
            assert code not in shown, (page, code)


def test_a_transfer_leads_to_the_links_of_its_migration(
    page: Page, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/transfers/{failing.transfer_id}")
    page.get_by_role("link", name="Make a link").click()
    expect(page.get_by_label("For whom")).to_be_in_viewport()


def test_the_audit_log_is_filtered_by_words(console: Console, failing: FunctionMigration) -> None:
    page = "audit?actor=the+operator&operation=start+migration"
    assert failing.migration_id in console.text(page)


def test_only_who_may_make_a_link_is_led_there(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    token = failing.admin.ok("POST", "/admin/v1/tokens", {"name": "una", "role": "viewer"})["token"]
    viewer = Console(platform_process)
    viewer.sign_in(token)
    assert "Make a link" not in viewer.text(f"transfers/{failing.transfer_id}")
    assert 'href="./sessions"' not in viewer.text()
    assert viewer.get("sessions").status == 403


def test_an_admin_ends_a_session(page: Page, axe: str, platform_process: PlatformProcess) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    token = admin.ok("POST", "/admin/v1/tokens", {"name": "ivo", "role": "viewer"})["token"]
    person = Console(platform_process)
    person.sign_in(token)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/apps")
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    page.wait_for_load_state()
    row = page.locator("#list tr", has_text="ivo")
    # It is the newest but for this page's own, and others' may fill pages before it.
    while row.count() == 0:
        # A click is over when the page begins to come, and what has come lacks the last rows.
        following = page.locator("#list a", has_text="Next").get_attribute("href")
        page.goto(urljoin(page.url, following))
    expect(row).to_contain_text("viewer")
    assert faults(page, axe) == []
    row.get_by_role("button", name="End the session of ivo").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(row).to_have_count(0)
    assert wait_until(lambda: person.get().status == 303)


def test_tables_of_the_overview_have_the_same_columns(
    page: Page, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/")
    expect(page.locator("table.fixed").first).to_contain_text(failing.plan["name"])
    lefts = page.evaluate(
        "[...document.querySelectorAll('table.fixed')]"
        ".map(t => [...t.tHead.rows[0].cells].map(c => c.getBoundingClientRect().left))"
    )
    assert any(lefts[0])
    assert lefts[0] == lefts[1]


def test_an_empty_table_has_no_column_more(console: Console) -> None:
    table = console.text("migrations?text=nothing-is-called-this").partition("<table")[2]
    [span] = re.findall(r'colspan="(\d+)"', table)
    assert int(span) == table.count('<th scope="col"')


def test_numbers_of_the_overview_lead_to_their_rows(
    console: Console, failing: FunctionMigration
) -> None:
    waiting = failing.another()
    [link] = re.findall(r'href="./(migrations[?]status=READY[^"]*)"', console.text())
    assert waiting.transfer_id in console.text(unescape(link))


def test_an_event_that_was_not_sent_is_explained(
    console: Console, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """In Explain and beside its entry: why, whether that is right, and what to do if not."""
    migration = FunctionMigration.begin(
        platform_process, app_folder, manifest=function_manifest(events=[UPLOADED])
    )
    [entry] = migration.timeline("message.not_routed")
    page = f"transfers/{migration.transfer_id}"
    for text in (console.text(f"{page}/explain"), console.text(f"{page}?entry={entry['seq']}")):
        said = text.partition("<main")[2]
        assert "no trigger for it: triggered:listener" in said or "was not sent" in said
        assert TRIGGERED in said
        assert "modules.trigger[].events" in said
        assert "not routed" not in said

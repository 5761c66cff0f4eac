"""Views of lists under a name, and chosen columns: of one person, and in the address."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import begin_failing, enter
from tests.console.people import HANDS, Console, Hand, Hands
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem, wait_until


def opened(page: Page, hand: Hand) -> Locator:
    hand.press(page.locator("summary", has_text="Views"))
    return page.locator("details.menu", has_text="Views")


@pytest.mark.timeout(300)
@HANDS
def test_filters_and_columns_are_kept_under_a_name(
    kind: Hands, page: Page, platform_process: PlatformProcess, app_folder: Path
) -> None:
    # Words of its own: a usual key has a number, which may begin a word of another row ("[31m").
    app = f"org.example.viewed-with-{kind.__name__.lower()}"
    begin_failing(platform_process, app_folder, cloudAppKey=app)
    hand = kind(page)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/migrations")
    hand.press(page.locator("summary", has_text="Columns"))
    for column in ("app", "time left"):
        hand.tick(page.get_by_role("checkbox", name=column, exact=True))
    heads = page.locator("#list thead th")
    expect(heads).to_have_count(5)
    hand.write(page.get_by_label("Text"), app)
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"text=org.*columns=time(\+|%20)left"))
    menu = opened(page, hand)
    hand.write(menu.get_by_label("Name"), f"mine <b>{kind.__name__}</b>")
    hand.press(menu.get_by_role("button", name="Keep this view"))
    view = page.get_by_role("link", name=f"mine <b>{kind.__name__}</b>", include_hidden=True)
    expect(view).to_have_count(1)
    page.goto(f"{platform_process.url}/console/migrations")
    expect(heads).to_have_count(10)
    opened(page, hand)
    hand.press(view)
    expect(heads).to_have_count(5)
    expect(page.locator("#list tbody tr")).to_have_count(1)
    menu = opened(page, hand)
    hand.press(menu.get_by_role("button", name=f"Remove the view mine <b>{kind.__name__}</b>"))
    expect(view).to_have_count(0)


def test_views_are_those_of_one_person(
    platform_process: PlatformProcess, console: Console, failing: FunctionMigration
) -> None:
    """And nobody's page leads elsewhere by a view."""
    admin = failing.admin
    made = admin.ok("POST", "/admin/v1/tokens", {"name": "viewing", "role": "viewer"})
    other = platform_process.caller(made["token"])
    kept = console.send("views", here="messages?state=any&cursor=x&text=a%26b", name="all")
    assert kept.headers["location"].endswith("messages?state=any&cursor=x&text=a%26b")
    [view] = admin.ok("GET", "/admin/v1/views")["items"]
    assert view == {"page": "messages", "name": "all", "query": "state=any&text=a%26b"}
    assert other.ok("GET", "/admin/v1/views")["items"] == []
    for wrong in (
        {**view, "page": "//evil.example"},
        {**view, "query": '"><script>'},
        {**view, "name": " "},
        {**view, "name": "\u202e"},
    ):
        assert problem(admin.call("POST", "/admin/v1/views", wrong))["code"] == "view_invalid"
    for number in range(100):
        other.ok("POST", "/admin/v1/views", {**view, "name": f"view {number}"})
    other.ok("POST", "/admin/v1/views", {**view, "name": "view 7", "query": ""})
    full = problem(other.call("POST", "/admin/v1/views", view))
    assert full["code"] == "too_many_views"
    left = other.ok("POST", "/admin/v1/views/remove", {"page": "messages", "name": "view 7"})
    assert len(left["items"]) == 99


def test_lists_show_the_columns_that_were_chosen(
    console: Console, failing: FunctionMigration
) -> None:
    """Also on the pages that follow, and where nothing matches."""
    heads = re.compile(r'<th scope="col"[^>]*>([^<]+)</th>')
    for page, columns, expected in (
        ("messages?state=any", "label app", ["Event", "Label", "App"]),
        ("audit?actor=", "operation", ["Who", "Operation"]),
        ("audit?actor=nobody", "change", ["Who", "Change"]),
    ):
        chosen = "".join(f"&columns={each}" for each in columns.split())
        assert heads.findall(console.text(page + chosen)) == expected
        assert len(heads.findall(console.text(page))) > len(expected)

    def groups() -> str:
        return console.text("messages?state=any&columns=label").partition("groups")[2]

    # Messages are counted by cause, which they have once an attempt has failed.
    wait_until(lambda: "columns=label" in groups())

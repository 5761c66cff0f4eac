"""The page of one migration for a customer's people: a link, no account, nothing of others."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import enter
from tests.console.people import Console
from tests.console.test_looks import HOSTILE, faults
from tests.kit.command import command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

LINK = ("migration", "link")


def link_of(migration: FunctionMigration, **body: Any) -> tuple[str, str]:
    """A link to a migration: the page from the console's root, and the id of the link."""
    made = migration.admin.ok("POST", f"/admin/v1/migrations/{migration.migration_id}/links", body)
    return made["url"].partition("/console/")[2], made["link"]["linkId"]


def test_whoever_has_the_link_sees_one_migration_in_plain_words(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """No id, no error of a function, no source server, no customer key and nothing to press."""
    page, _ = link_of(failing)
    nobody = Console(platform_process)
    reply = nobody.get(page)
    assert reply.status == 200
    text = reply.body.decode()
    assert "is moving" in text
    assert failing.registration["cloudAppKey"] in text
    plan = failing.plan
    for hidden in (
        *(failing.transfer_id, failing.migration_id, failing.tokens["appId"], plan["sourceId"]),
        *("no room left", "ValueError", "operator-token", "<form", "boards"),
    ):
        assert hidden not in text, hidden
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert nobody.cookies == {}
    assert nobody.get().status == 303, "and it opens nothing else"
    assert nobody.get(f"migrations/{failing.migration_id}").status == 303


@pytest.mark.parametrize("how", ["cut", "changed", "invented", "long", "odd"])
def test_a_forged_link_opens_nothing(
    platform_process: PlatformProcess, failing: FunctionMigration, how: str
) -> None:
    page, _ = link_of(failing)
    forged = {
        "cut": page[:-4],
        "changed": page[:-1] + ("A" if page[-1] != "A" else "B"),
        "invented": "shared/fm_shared_" + "A" * 56,
        "long": page + "A" * 3000,
        "odd": "shared/%00%0d%0aSet-Cookie:x",
    }[how]
    reply = Console(platform_process).get(forged)
    assert reply.status == 401
    assert "This link opens nothing" in reply.body.decode()
    assert failing.plan["name"] not in reply.body.decode()


def test_a_revoked_link_and_one_that_has_ended_say_so(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    revoked, link_id = link_of(failing, note="Ada")
    path = f"/admin/v1/migrations/{failing.migration_id}/links"
    nobody = Console(platform_process)
    assert nobody.get(revoked).status == 200
    failing.admin.ok("POST", f"{path}/{link_id}/revoke")
    reply = nobody.get(revoked)
    assert (reply.status, b"was withdrawn" in reply.body) == (410, True)
    short, _ = link_of(failing, seconds=60)
    assert nobody.get(short).status == 200
    failing.advance(61)
    reply = nobody.get(short)
    assert (reply.status, b"worked until" in reply.body) == (410, True)
    assert [each["works"] for each in failing.admin.ok("GET", path)["items"]] == [False, False]


def test_a_link_is_no_token(platform_process: PlatformProcess, failing: FunctionMigration) -> None:
    """It opens its own call alone, and a token does not open that."""
    page, _ = link_of(failing)
    caller = platform_process.caller(page.rpartition("/")[2])
    shown = caller.ok("GET", "/shared/v1/migration")
    assert shown["name"] == failing.plan["name"]
    assert caller.call("GET", "/admin/v1/overview").status == 401
    operator = platform_process.caller(platform_process.operator_token)
    assert operator.refused(401, "GET", "/shared/v1/migration")["code"] == "link_invalid"
    none = platform_process.caller(None)
    assert none.refused(401, "GET", "/shared/v1/migration")["code"] == "link_invalid"


def test_the_report_is_for_those_whose_link_has_it(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """It names errors and people, so the operator decides for each link."""
    without, _ = link_of(failing)
    page, link_id = link_of(failing, report=True)
    nobody = Console(platform_process)
    assert "report" not in nobody.text(without)
    reply = nobody.get(f"{without}/report.html")
    assert (reply.status, b"opens no report" in reply.body) == (403, True)
    assert "Download the report" in nobody.text(page)
    report = nobody.get(f"{page}/report.html")
    assert report.status == 200
    assert report.headers["content-disposition"].startswith("attachment")
    assert failing.transfer_id in report.body.decode()
    assert f"link {link_id}" in report.body.decode()
    caller = platform_process.caller(page.rpartition("/")[2])
    assert caller.ok("GET", "/shared/v1/report")["migration"]["name"] == failing.plan["name"]
    failing.admin.ok("POST", f"/admin/v1/migrations/{failing.migration_id}/links/{link_id}/revoke")
    assert nobody.get(f"{page}/report.html").status == 410


@pytest.mark.parametrize("body", [{"seconds": 59}, {"seconds": 7_776_001}, {"note": "x" * 201}])
def test_a_malformed_link_is_not_made(failing: FunctionMigration, body: dict[str, Any]) -> None:
    path = f"/admin/v1/migrations/{failing.migration_id}/links"
    failing.admin.refused(400, "POST", path, body)
    assert failing.admin.ok("GET", path)["items"] == []


def test_links_and_sessions_have_commands(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    ferryman = command(platform_process.url, platform_process.data_dir)
    made = ferryman.json("migration", "link", failing.migration_id, "--note", "Ada")
    page = made["url"].partition("/console/")[2]
    nobody = Console(platform_process)
    assert nobody.get(page).status == 200
    assert "Ada" in ferryman.ok("migration", "links", failing.migration_id)
    assert "revoked" in ferryman.ok(
        "migration", "unlink", failing.migration_id, made["link"]["linkId"]
    )
    assert nobody.get(page).status == 410
    ferryman.refused("link_seconds_invalid", *LINK, failing.migration_id, "--expires", "91d")
    nobody.sign_in(platform_process.operator_token)
    session = ferryman.json("session", "list", "--all")["items"][-1]
    assert "operator-token" in ferryman.ok("session", "end", session["sessionId"])
    ferryman.refused("session_not_found", "session", "end", session["sessionId"])
    assert wait_until(lambda: nobody.get().status == 303)


@pytest.mark.timeout(600)
def test_an_operator_makes_a_link_and_a_customer_follows_it(
    page: Page, axe: str, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """In a browser: made, copied, watched while files come, and revoked."""
    failing.create(name=HOSTILE[:200])
    failing.start()
    failing.claim()
    enter(page, platform_process)
    migration = f"{platform_process.url}/console/migrations/{failing.migration_id}"
    page.goto(migration)
    page.get_by_label("For whom").fill("Ada's team")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("heading", name="The link is made")).to_be_visible()
    link = page.locator("main .command code").inner_text()
    serious = faults(page, axe)
    with page.context.browser.new_context() as other:  # type: ignore[union-attr]
        other.set_default_timeout(60_000)
        customer = other.new_page()
        customer.goto(link)
        expect(customer.locator("#progress")).to_contain_text("is moving")
        serious += faults(customer, axe)
        assert not set(customer.locator("body").inner_text()) & set("\u202e\u2066\x1b\x07")
        customer.set_viewport_size({"width": 400, "height": 800})
        assert customer.evaluate("document.documentElement.scrollWidth") <= 400
        failing.upload("pages")
        expect(customer.locator("#progress dl")).to_contain_text(
            re.compile("Files that came\\s*1"), timeout=60_000
        )
        page.goto(migration)
        serious += faults(page, axe)
        page.get_by_role("button", name="Revoke the link for Ada's team").click()
        expect(page.locator("#links")).not_to_contain_text("Ada's team")
        customer.goto(link)
        expect(customer.get_by_role("heading", name="This link opens nothing")).to_be_visible()
        serious += faults(customer, axe)
    assert serious == []

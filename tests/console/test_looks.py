"""Every page, as a browser shows it: for those who cannot see it, in the dark, on a phone."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

HOSTILE = "\u202egnp.exe\x1b[31m<script>alert(1)</script>\u2066\x07'\"&" + "x" * 900


def sign_in(page: Page, platform: PlatformProcess) -> None:
    admin = platform.caller(platform.operator_token)
    page.goto(platform.url + admin.ok("POST", "/console/links")["path"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def pages_of(migration: FunctionMigration) -> list[str]:
    own = f"transfers/{migration.transfer_id}"
    return [
        *("", "migrations", "migrations/new", f"migrations/{migration.migration_id}"),
        *("messages?state=any", "apps", "apps/new", f"apps/{migration.tokens['appId']}"),
        *(f"mappings?migration={migration.migration_id}", "storage", "platform", "audit"),
        *("search?q=harbour", "jobs", "try"),
        *(own, f"{own}?kind=attempt", f"{own}/explain", f"{own}/files", f"{own}/messages"),
        *(f"{own}/log", f"{own}/missing", f"{own}/refused", "nothing"),
    ]


@pytest.fixture
def attempted(failing: FunctionMigration) -> FunctionMigration:
    """The failing migration, after its first attempt."""
    path = f"/admin/v1/transfers/{failing.transfer_id}/timeline?kind=attempt"
    wait_until(lambda: failing.admin.ok("GET", path)["items"])
    return failing


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    scheme: Any,
    page: Page,
    axe: str,
    platform_process: PlatformProcess,
    attempted: FunctionMigration,
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{platform_process.url}/console/sign-in")
    serious = found(page, axe)
    attempted.advance(600)  # its message is given up, and the overview links to it
    sign_in(page, platform_process)
    assert page.locator(".needs a[href*='state=UNDELIVERED']").count()
    [entry] = attempted.admin.ok(
        "GET", f"/admin/v1/transfers/{attempted.transfer_id}/timeline?kind=attempt.failed"
    )["items"][:1]
    chosen = f"transfers/{attempted.transfer_id}?entry={entry['seq']}"
    for each in [*pages_of(attempted), chosen]:
        page.goto(f"{platform_process.url}/console/{each}")
        serious += [f"{each}: {fault}" for fault in found(page, axe)]
    assert not serious, "\n".join(serious)


def found(page: Page, axe: str) -> list[str]:
    """Return what axe finds on a page that is serious or worse."""
    page.evaluate(axe)
    answer = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in answer["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("width", [400, 640])
def test_no_page_scrolls_sideways(
    page: Page, width: int, platform_process: PlatformProcess, attempted: FunctionMigration
) -> None:
    """On a phone, and at 200 percent on a small screen: tables scroll in their own frame."""
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, platform_process)
    wide = []
    for each in pages_of(attempted):
        page.goto(f"{platform_process.url}/console/{each}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(each)
    assert not wide


def test_pages_are_read_and_used_without_script(
    browser: Browser, platform_process: PlatformProcess, attempted: FunctionMigration
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        sign_in(page, platform_process)
        for each in pages_of(attempted)[:-1]:
            answer = page.goto(f"{platform_process.url}/console/{each}")
            assert answer is not None
            assert answer.status == 200, each
        page.goto(f"{platform_process.url}/console/transfers/{attempted.transfer_id}")
        assert "no room left for" in page.locator("#rows").inner_text()
        page.locator("summary", has_text="Cancel…").click()
        page.get_by_role("button", name="Cancel the transfer").click()
        expect(page.locator("#head")).to_contain_text("cancel")


def test_text_of_others_is_shown_as_text(
    page: Page, platform_process: PlatformProcess, attempted: FunctionMigration
) -> None:
    """Markup stays text; what turns or hides text is spelled out; long text is cut in lists."""
    attempted.create(name=HOSTILE[:200], cloudUrl="https://harbour.example")
    attempted.start()
    attempted.claim()
    attempted.upload(HOSTILE)
    said = attempted.cloud.call(
        "POST",
        f"/app/migration/forge/v1/log/{attempted.transfer_id}",
        {"message": HOSTILE + "y" * (65_536 - len(HOSTILE))},
    )
    assert said.status == 200, said.body
    sign_in(page, platform_process)
    for each in pages_of(attempted):
        page.goto(f"{platform_process.url}/console/{each}")
        text = page.locator("body").inner_text()
        assert not set(text) & set("\u202e\u2066\x1b\x07"), each
        assert page.locator("main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, each
    page.goto(f"{platform_process.url}/console/transfers/{attempted.transfer_id}/log")
    assert "\\u202egnp.exe\\x1b[31m<script>alert(1)</script>" in page.locator("main").inner_text()

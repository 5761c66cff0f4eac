"""Every page, as a browser shows it: for those who cannot see it, in the dark, on a phone."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import begin_failing, enter, watched_page
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

SCHEMES: dict[Literal["light", "dark"], tuple[str, ...]] = {
    "light": (),
    "dark": ("color-contrast", "link-in-text-block"),
}
"""The rules of axe that a page is held against: those on colours in both, all others in one."""
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
        *("notices", f"apps/{migration.tokens['appId']}/queues"),
        *("search?q=harbour", "jobs", "try"),
        *(own, f"{own}?kind=attempt", f"{own}/explain", f"{own}/files", f"{own}/messages"),
        f"{own}?from=2020-01-01T00%3A00",
        *(f"{own}/log", f"{own}/missing", f"{own}/refused", "nothing"),
    ]


@pytest.fixture
def attempted(failing: FunctionMigration) -> FunctionMigration:
    """The failing migration, after its first attempt."""
    return once_attempted(failing)


def once_attempted(migration: FunctionMigration) -> FunctionMigration:
    path = f"/admin/v1/transfers/{migration.transfer_id}/timeline?kind=attempt.failed"
    wait_until(lambda: migration.admin.ok("GET", path)["items"])
    return migration


@pytest.fixture(scope="module")
def serious(
    browser: Browser,
    running_platform: PlatformProcess,
    axe: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[str]]:
    """What axe finds on every page, by colour scheme: a page is loaded once for both."""
    folder = tmp_path_factory.mktemp("looks") / "cloud-app"
    migration = once_attempted(begin_failing(running_platform, folder))
    told: dict[str, list[str]] = {scheme: [] for scheme in SCHEMES}

    def look(page: Page, name: str) -> None:
        page.goto(f"{running_platform.url}/console/{name}")
        look_on(page, name)

    def look_on(page: Page, name: str) -> None:
        for scheme, faults in found(page, axe).items():
            told[scheme] += [f"{name}: {fault}" for fault in faults]

    with watched_page(browser, running_platform) as page:
        look(page, "sign-in")
        migration.advance(600)  # its message is given up, and the overview links to it
        sign_in(page, running_platform)
        expect(page.locator(".needs a[href*='state=UNDELIVERED']").first).to_be_visible()
        entry = migration.timeline("attempt.failed")[0]
        chosen = f"transfers/{migration.transfer_id}?entry={entry['seq']}"
        for each in [*pages_of(migration), chosen]:
            look(page, each)
        plan = f'app = "{migration.registration["cloudAppKey"]}"\n'
        for text, heading in ((f"{plan}sites = 3", "1 fault"), (plan, "This will be created")):
            page.goto(f"{running_platform.url}/console/migrations/new")
            page.get_by_label("Plan", exact=True).fill(text)
            page.get_by_role("button", name="Check the plan").click()
            page.get_by_role("heading", name=heading).wait_for()
            look_on(page, heading)
        # So many entries that they are counted, not drawn.
        for number in range(500):
            path = f"/app/migration/forge/v1/log/{migration.transfer_id}"
            migration.cloud.ok("POST", path, {"message": f"line {number}"})
        page.goto(f"{running_platform.url}/console/transfers/{migration.transfer_id}")
        page.locator("#bins summary").click()
        page.locator("#bins td").first.wait_for()
        look_on(page, "bins")
    return told


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(scheme: str, serious: dict[str, list[str]]) -> None:
    assert not serious[scheme], "\n".join(serious[scheme])


def faults(page: Page, axe: str) -> list[str]:
    """Return what axe finds on a page that is serious or worse, in any colours."""
    return [f"{scheme}: {each}" for scheme, all_ in found(page, axe).items() for each in all_]


def found(page: Page, axe: str) -> dict[str, list[str]]:
    """Return what axe finds on a page that is serious or worse, by colour scheme.

    The page is in the last of them afterwards.
    """
    page.evaluate(axe)
    told: dict[str, list[str]] = {}
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        told[scheme] = _found(page, rules)
    return told


def _found(page: Page, rules: tuple[str, ...]) -> list[str]:
    """Return what it finds by all rules or by these."""
    # Its rules that look into media and style sheets would load those again.
    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = list(rules)
    answer = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in answer["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.timeout(600)
def test_no_page_scrolls_sideways(
    page: Page, platform_process: PlatformProcess, attempted: FunctionMigration
) -> None:
    """On a phone, and at 200 percent on a small screen: tables scroll in their own frame."""
    enter(page, platform_process)
    wide = []
    for each in pages_of(attempted):
        for width in (400, 640):
            page.set_viewport_size({"width": width, "height": 900})
            if width == 400:
                page.goto(f"{platform_process.url}/console/{each}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(f"{each} at {width}")
    assert not wide


def test_columns_keep_their_room(
    page: Page, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Beside an app whose key is long, on the page where all tables have the same columns."""
    key = "org.example.diagrams-of-a-harbour-and-of-its-many-islands"
    FunctionMigration.begin(platform_process, app_folder, cloudAppKey=key)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/")
    heads = page.locator("table.fixed").first.locator("th:visible")
    # Found and measured at once: the page may be shown again at any moment, and what it was
    # before has no width.
    measured = """() => {
      const heads = [...document.querySelector("table.fixed").querySelectorAll("th")];
      const cut = heads.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent);
      return [cut, document.querySelector("table.fixed td.grow").clientWidth];
    }"""
    for width in (800, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        expect(heads.first).to_have_text("Status")
        cut, room = page.evaluate(measured)
        assert cut == [], width
        assert room > 90, width


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
    enter(page, platform_process)
    for each in pages_of(attempted):
        page.goto(f"{platform_process.url}/console/{each}")
        text = page.locator("body").inner_text()
        assert not set(text) & set("\u202e\u2066\x1b\x07"), each
        assert page.locator("main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, each
    page.goto(f"{platform_process.url}/console/transfers/{attempted.transfer_id}/log")
    assert "\\u202egnp.exe\\x1b[31m<script>alert(1)</script>" in page.locator("main").inner_text()

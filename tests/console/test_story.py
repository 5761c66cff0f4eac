"""The whole story in a browser: by mouse, and again by keys alone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.people import Hand, Keyboard, Mouse
from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess, wait_until

MANIFEST = """\
app:
  id: ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10
  runtime:
    name: python3
modules:
  function:
    - key: import
      handler: index.run
  trigger:
    - key: uploaded
      function: import
      events:
        - avi:ecosystem.migration:uploaded:app_data
"""

CODE = """\
import pathlib

BROKEN = pathlib.Path(__file__).with_name("broken")

def run(event, context):
    if event["label"] != "refused" and BROKEN.exists():
        raise KeyError("no author in <b>" + event["label"] + "</b>")
    # Imported where it is used: each failed attempt has a new process.
    from ferryman import Migration
    with Migration() as migration:
        if event["label"] == "refused":
            migration.message_failed(event["transferId"], event["messageId"])
            return
        migration.message_processed(event["transferId"], event["messageId"])
"""


@pytest.fixture(scope="module")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of this file's own: its lists begin with what these tests made."""
    with PlatformProcess(tmp_path_factory.mktemp("story") / "data") as platform:
        yield platform


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [Mouse, Keyboard])
def test_a_migration_from_the_app_to_the_end(
    kind: type[Mouse] | type[Keyboard],
    page: Page,
    platform_process: PlatformProcess,
    app_folder: Path,
    tmp_path: Path,
) -> None:
    """Register, load, start, watch, see why it fails, redeliver, re-run, cancel, report."""
    app_folder.mkdir()
    (app_folder / "index.py").write_text(CODE)
    broken = app_folder / "broken"
    broken.touch()
    story = Story(page, kind(page), platform_process, f"org.example.{kind.__name__.lower()}")
    story.sign_in()
    story.register_app(app_folder)

    first = story.plan("Harbour moves")
    story.load_mappings()
    story.start()
    story.open_transfer()
    first.claim()
    # The page was open before anything happened, and nobody loads it again.
    expect(page.locator("#head")).to_contain_text("in progress")
    first.upload("boards")
    first.complete_export()
    failure = page.locator("#rows tr.bad").first
    expect(failure).to_contain_text("KeyError: 'no author in <b>boards</b>'")
    expect(page.locator(".why")).to_contain_text("What to do")
    story.hand.press(failure.get_by_role("link"))
    chosen = page.locator("#chosen")
    expect(chosen).to_contain_text("index.py:7 in run")
    expect(chosen).to_contain_text("function_raised")
    platform_process.caller(platform_process.operator_token).ok(
        "POST", "/admin/v1/clock/advance", {"seconds": 600}
    )
    broken.unlink()
    story.redeliver()
    story.open_by_search(first.transfer_id)
    expect(page.locator("#head")).to_contain_text("success")

    story.zoom()

    second = story.plan_in_toml("Harbour moves again")
    story.start()
    story.open_transfer()
    second.claim()
    second.upload("refused")
    second.complete_export()
    expect(page.locator("#head")).to_contain_text("failed")
    story.confirm("Re-run…", "Re-run")
    expect(page.locator("#head")).to_contain_text("re-run of")
    second.transfer_id = page.url.rpartition("/")[2]
    second.claim()
    expect(page.locator("#head")).to_contain_text("in progress")
    story.confirm("Cancel…", "Cancel the transfer")
    expect(page.locator("#head")).to_contain_text("cancel")
    story.verify_report("Harbour moves again", tmp_path)


class Story:
    """What one person does, with one kind of hand."""

    def __init__(self, page: Page, hand: Hand, platform: PlatformProcess, key: str) -> None:
        self._page = page
        self.hand = hand
        self._platform = platform
        self._key = key
        self._tokens: dict[str, str] = {}

    def sign_in(self) -> None:
        admin = self._platform.caller(self._platform.operator_token)
        self._page.goto(self._platform.url + admin.ok("POST", "/console/links")["path"])
        self._push("Sign in")
        expect(self._page.get_by_role("heading", name="Overview")).to_be_visible()

    def register_app(self, folder: Path) -> None:
        self._go("Apps")
        self._follow("Register an app")
        for label, text in (
            ("Cloud app key", self._key),
            ("Server app key", f"{self._key}.server"),
            ("Folder of its functions", str(folder)),
            ("Manifest or descriptor", MANIFEST),
        ):
            self.hand.write(self._page.get_by_label(label), text)
        self._push("Register")
        expect(self._page.get_by_role("heading", name="is registered")).to_be_visible()
        tokens = self._page.locator("main .command code").all_inner_texts()
        self._tokens = {"serverToken": tokens[0], "cloudToken": tokens[1]}

    def plan(self, name: str) -> AppMigration:
        self._go("Migrations")
        self._follow("New migration")
        for label, text in (
            ("Name", name),
            ("Cloud site", "https://harbour.example"),
            ("Source server", self._key),
        ):
            self.hand.write(self._page.get_by_label(label, exact=True), text)
        box = self._page.get_by_label(self._key)
        if not box.is_checked():
            self.hand.tick(box)
        self._push("Create the migration")
        return self._made(name)

    def plan_in_toml(self, name: str) -> AppMigration:
        """By a plan with a fault, which is corrected on the page that names it."""
        self._go("Migrations")
        self._follow("New migration")
        text = f'name = "{name}"\nsites = "https://harbour.example"\napp = "{self._key}"\n'
        self.hand.write(self._page.get_by_label("Plan", exact=True), text)
        self._push("Check the plan")
        expect(self._page.get_by_role("heading", name="1 fault in the plan")).to_be_visible()
        fault = self._page.locator("tr.bad")
        expect(fault).to_contain_text("sites")
        expect(fault.get_by_role("cell").first).to_have_text("2")
        corrected = text.replace("sites", "site")
        self.hand.write(self._page.get_by_label("Plan", exact=True), corrected)
        self._push("Check the plan again")
        expect(self._page.get_by_role("heading", name="This will be created")).to_be_visible()
        expect(self._page.locator("main dl.facts").first).to_contain_text(
            f"{self._key}@development"
        )
        self._push("Only create it")
        return self._made(name)

    def zoom(self) -> None:
        """Look at a part of the time of a transfer, and at all of it again.

        An address is there before the page, whose scripts take the keys once it is loaded.
        """
        self._page.wait_for_load_state()
        if isinstance(self.hand, Mouse):
            box = self._page.locator("svg.lanes").bounding_box()
            assert box is not None
            y = box["y"] + box["height"] / 2
            self._page.mouse.move(box["x"] + box["width"] * 0.2, y)
            self._page.mouse.down()
            self._page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=4)
            self._page.mouse.up()
        else:
            self._page.keyboard.press("+")
        expect(self._page).to_have_url(re.compile(r"\?from=[^&]+&to=[^&]+$"))
        self._page.wait_for_load_state()
        self._page.keyboard.press("0")
        expect(self._page).to_have_url(re.compile(r"/transfers/[0-9a-f-]+\??$"))

    def _made(self, name: str) -> AppMigration:
        expect(self._page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        link = self._page.locator("#list tbody a").get_attribute("href") or ""
        admin = self._platform.caller(self._platform.operator_token)
        own: dict[str, Any] = {"serverAppKey": f"{self._key}.server", "cloudAppKey": self._key}
        migration = AppMigration(self._platform, admin, own, self._tokens)
        migration.transfer_id = link.rpartition("/")[2]
        return migration

    def load_mappings(self) -> None:
        rows = "namespace,serverKey,cloudKey\nidentity:user,ada,aa-1\nidentity:user,bo,aa-2\n"
        self.hand.write(self._page.get_by_label("or rows"), rows)
        self._push("Load mappings")
        expect(self._page.get_by_role("heading")).to_contain_text("2 keys written")
        self._follow("Back to the migration")

    def start(self) -> None:
        self._push("Start")
        expect(self._page.get_by_text("· started")).to_be_visible()

    def open_transfer(self) -> None:
        self.hand.press(self._page.locator("#list tbody a"))
        expect(self._page.get_by_role("navigation", name="Views of the transfer")).to_be_visible()

    def redeliver(self) -> None:
        self._go("Messages")
        row = self._page.locator("tr", has_text=self._key)
        expect(row).to_contain_text("undelivered")
        self.hand.tick(row.get_by_role("checkbox"))
        self._push(re.compile("Redeliver 1 chosen"))
        expect(self._page.get_by_role("heading", name="Redeliver 1 message?")).to_be_visible()
        self._push("Redeliver 1")
        done = self._page.get_by_role("heading", name="1 of 1 message delivered again")
        expect(done).to_be_visible()

    def open_by_search(self, text: str) -> None:
        self.hand.write(self._page.get_by_role("searchbox"), text)
        self._page.keyboard.press("Enter")
        expect(self._page).to_have_url(re.compile(f"/transfers/{text}"))

    def confirm(self, first: str, then: str) -> None:
        self.hand.press(self._page.locator("summary", has_text=first))
        self._push(then)

    def verify_report(self, name: str, folder: Path) -> None:
        """Download both forms of a migration's report, and verify them without the platform."""
        self.hand.press(self._page.locator("#head .path").get_by_role("link", name=name))
        keys = folder / "keys.json"
        keys.write_bytes(self._platform.caller("").call("GET", "/.well-known/jwks.json").body)
        run = Command(os.environ)
        for link in ("Page to print", "JSON"):
            self.hand.press(self._page.locator("summary", has_text="Report"))
            with self._page.expect_download() as download:
                self._follow(link)
            file = folder / download.value.suggested_filename
            download.value.save_as(file)
            told = run.ok("report", "verify", str(file), "--key", str(keys))
            assert name in told
            assert "1 FAILED" not in told  # it was re-run
            file.write_bytes(file.read_bytes().replace(b"refused", b"refuse!", 1))
            run.refused("report_invalid", "report", "verify", str(file), "--key", str(keys))
            self._page.keyboard.press("Escape")

    def _go(self, section: str) -> None:
        side = self._page.get_by_role("navigation", name="Pages")
        self.hand.press(side.get_by_role("link", name=section))
        expect(self._page.get_by_role("heading", level=1, name=section)).to_be_visible()

    def _follow(self, name: str) -> None:
        self.hand.press(self._page.get_by_role("link", name=name))

    def _push(self, name: str | re.Pattern[str]) -> None:
        self.hand.press(self._page.get_by_role("button", name=name, exact=True))


@pytest.mark.timeout(600)
def test_the_eighth_tab_is_live_too(
    page: Page, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Browsers keep six connections to a host: tabs share one stream, and some ask instead."""
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    others = [FunctionMigration.begin(platform_process, app_folder, claim=False) for _ in range(7)]
    story = Story(page, Mouse(page), platform_process, "tabs")
    story.sign_in()
    for other in others:
        tab = page.context.new_page()
        tab.goto(f"{platform_process.url}/console/transfers/{other.transfer_id}")
        expect(tab.locator("#head")).to_contain_text("ready")
    page.goto(f"{platform_process.url}/console/transfers/{migration.transfer_id}")
    expect(page.locator("#head")).to_contain_text("ready")
    migration.claim()
    expect(page.locator("#head")).to_contain_text("in progress")


def test_a_pause_holds_the_page_and_counts(
    page: Page, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """Somebody who reads is not disturbed, and sees how much they missed."""
    story = Story(page, Mouse(page), platform_process, "pause")
    story.sign_in()
    page.goto(f"{platform_process.url}/console/transfers/{failing.transfer_id}")
    live = page.locator("[data-pause]")
    expect(live).to_have_text("Live")
    page.keyboard.press(".")
    expect(live).to_have_attribute("aria-pressed", "true")
    before = page.locator("#rows tr").count()
    failing.cloud.ok(
        "POST", f"/app/migration/forge/v1/log/{failing.transfer_id}", {"message": "written"}
    )
    expect(live).to_contain_text("new")
    assert page.locator("#rows tr").count() == before
    page.keyboard.press(".")
    expect(page.locator("#rows")).to_contain_text("written")


def test_a_page_says_that_its_session_has_ended(
    page: Page, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """A revoked token ends the stream, and a page that stands still must not look alive."""
    made = failing.admin.ok("POST", "/admin/v1/tokens", {"name": "watcher", "role": "viewer"})
    page.goto(f"{platform_process.url}/console/sign-in")
    page.get_by_label("Access token").fill(made["token"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto(f"{platform_process.url}/console/transfers/{failing.transfer_id}")
    expect(page.locator("#head")).to_contain_text("in progress")
    failing.admin.ok("POST", "/admin/v1/tokens/watcher/revoke")
    expect(page.get_by_label("Access token")).to_be_visible(timeout=60_000)


def test_a_restart_under_an_open_page_is_survived(
    browser: Browser, tmp_path: Path, app_folder: Path
) -> None:
    """The stream comes back by itself, and the session is still good."""
    with PlatformProcess(tmp_path / "data") as platform:
        migration = FunctionMigration.begin(platform, app_folder, claim=False)
        with browser.new_context() as context:
            page = context.new_page()
            page.set_default_timeout(60_000)
            Story(page, Mouse(page), platform, "restart").sign_in()
            page.goto(f"{platform.url}/console/transfers/{migration.transfer_id}")
            expect(page.locator("#head")).to_contain_text("ready")
            platform.kill()
            platform.start()
            migration.claim()
            expect(page.locator("#head")).to_contain_text("in progress", timeout=60_000)


def test_a_hidden_tab_asks_for_nothing_and_catches_up(
    page: Page, platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """Whatever happens to a transfer, tabs that nobody sees cost nothing."""
    story = Story(page, Mouse(page), platform_process, "hidden")
    story.sign_in()
    page.goto(f"{platform_process.url}/console/transfers/{failing.transfer_id}")
    expect(page.locator("#head")).to_contain_text("in progress")
    hide(page, hidden=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    failing.cloud.ok(
        "POST", f"/app/migration/forge/v1/log/{failing.transfer_id}", {"message": "unseen"}
    )
    wait_until(lambda: page.evaluate("stale"))
    assert not asked
    hide(page, hidden=False)
    expect(page.locator("#rows")).to_contain_text("unseen")


def hide(page: Page, *, hidden: bool) -> None:
    """Say to a page what a browser says when another tab is chosen."""
    page.evaluate(
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )

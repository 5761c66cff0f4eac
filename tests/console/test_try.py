"""The page to try an app by hand on a virtual clock: events, files, what functions print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import enter
from tests.console.people import HANDS, Hand, Hands, Mouse
from tests.console.test_looks import faults
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

TALKING = """\
from ferryman import Migration

def run(event, context):
    if "key" not in event:
        return
    with Migration() as migration:
        print("got", event["label"], migration.get_app_data_payload(event["key"]).text()[:40])
        migration.message_processed(event["transferId"], event["messageId"])
"""


@pytest.fixture(scope="module")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of this file's own, whose newest attempts are those of these tests."""
    with PlatformProcess(tmp_path_factory.mktemp("try") / "data") as platform:
        yield platform


@pytest.fixture
def app(platform_process: PlatformProcess, app_folder: Path) -> str:
    """An app that says what it gets, by its key and environment."""
    made = FunctionMigration.begin(platform_process, app_folder, code=TALKING, start=False)
    return f"{made.registration['cloudAppKey']}@development"


def send(page: Page, hand: Hand, app: str, event: str, label: str = "", body: str = "") -> None:
    form = page.locator("form[action$='try/event']")
    form.get_by_label("App").select_option(app)
    form.get_by_label("Event").select_option(label=event)
    hand.write(form.get_by_label("Label"), label)
    hand.write(form.get_by_label("Body"), body)
    # The page before may say already that something was sent.
    with page.expect_navigation():
        hand.press(form.get_by_role("button", name="Send"))
    expect(page.locator("#sent")).to_be_visible()


@pytest.mark.timeout(300)
@HANDS
def test_events_are_sent_and_what_the_app_prints_is_seen(
    kind: Hands, page: Page, platform_process: PlatformProcess, app: str
) -> None:
    """From the clock bar; the second event is of the same trial, and its end settles it."""
    hand = kind(page)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/")
    hand.press(page.get_by_role("link", name="Send an event…"))
    send(page, hand, app, "uploaded:app_data", "boards", "three <b>boards</b>")
    trial = page.locator("#sent a").get_attribute("href")
    said = page.locator("#attempts")
    expect(said).to_contain_text("got boards three <b>boards</b>")
    send(page, hand, app, "completed:export_phase")
    assert page.locator("#sent a").get_attribute("href") == trial
    hand.press(page.locator("#sent a"))
    expect(page.locator("#head")).to_contain_text("success")


@contextmanager
def without_script(browser: Browser, platform: PlatformProcess) -> Iterator[Page]:
    """The page for trying, signed in to, in a browser with script switched off."""
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        enter(page, platform)
        page.goto(f"{platform.url}/console/try")
        yield page


def migrate_without_script(page: Page, app: str, file: Path) -> None:
    page.locator("#drop").get_by_label("App").select_option(app)
    page.get_by_label("Files", exact=True).set_input_files(file)
    page.get_by_role("button", name="Migrate").click()


def choose(page: Page, hand: Hand, label: str, files: Any) -> None:
    with page.expect_file_chooser() as chooser:
        hand.press(page.get_by_label(label, exact=True))
    chooser.value.set_files(files)


@pytest.mark.timeout(300)
@HANDS
@pytest.mark.parametrize("what", ["files", "folder"])
def test_chosen_files_are_migrated(
    kind: Hands,
    what: str,
    page: Page,
    platform_process: PlatformProcess,
    app: str,
    tmp_path: Path,
) -> None:
    """Files, or a folder with its folders; the label is the path."""
    hand = kind(page)
    root = tmp_path / "export"
    (root / "notes").mkdir(parents=True)
    (root / "a.txt").write_text("mind the tide")
    (root / "notes" / "b.txt").write_text("")
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/try")
    page.locator("#drop").get_by_label("App").select_option(app)
    if what == "folder":
        choose(page, hand, "or a folder", root)
        labels = {"export/a.txt", "export/notes/b.txt"}
    else:
        choose(page, hand, "Files", [root / "a.txt", root / "notes" / "b.txt"])
        labels = {"a.txt", "b.txt"}
    hand.press(page.get_by_role("button", name="Migrate"))
    expect(page.locator("#head")).to_contain_text("success")
    transfer_id = page.url.rpartition("/")[2]
    admin = platform_process.caller(platform_process.operator_token)
    files = admin.ok("GET", f"/admin/v1/transfers/{transfer_id}/app-data")["items"]
    assert {each["label"] for each in files} == labels


def test_a_dropped_file_is_migrated_in_parts(
    page: Page, platform_process: PlatformProcess, app: str
) -> None:
    """Larger than one part; dropped anywhere on the page."""
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/try")
    page.locator("#drop").get_by_label("App").select_option(app)
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(20 * 2 ** 20).fill(120)], "large.bin"));
          for (const kind of ["dragover", "drop"])
            document.body.dispatchEvent(
              new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#head")).to_contain_text("success", timeout=120_000)
    transfer_id = page.url.rpartition("/")[2]
    admin = platform_process.caller(platform_process.operator_token)
    [file] = admin.ok("GET", f"/admin/v1/transfers/{transfer_id}/app-data")["items"]
    assert (file["label"], file["size"]) == ("large.bin", 20 << 20)
    assert len(file["parts"]) > 1


def test_everything_is_done_without_script(
    browser: Browser, platform_process: PlatformProcess, app: str, tmp_path: Path
) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("without script")
    with without_script(browser, platform_process) as page:
        send(page, Mouse(page), app, "uploaded:app_data", "boards", "three")
        send(page, Mouse(page), app, "errored:listener", body="no way")
        migrate_without_script(page, app, file)
        assert "Trial from the console" in page.locator("#head").inner_text()


def test_axe_finds_nothing_serious(
    page: Page, axe: str, platform_process: PlatformProcess, app: str
) -> None:
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/try?app={app}")
    assert faults(page, axe) == []

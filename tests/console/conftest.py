"""A real browser, a migration to look at, and axe from npm."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ferryman.functions import toolchain
from tests.console.people import Console
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import UPLOADED, function_manifest
from tests.kit.platform import PlatformProcess, unavailable
from tools.chromium import chromium

# What is waited for comes in the time of a busy machine.
expect.set_options(timeout=60_000)

AXE = "axe-core@4.14.1"
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser(running_platform: PlatformProcess) -> Iterator[Browser]:
    """The Chromium of this machine; Playwright's own is never downloaded.

    Playwright has its event loop run in this thread, where nothing else can run one meanwhile:
    what needs one, such as the platform's start, comes before, and it ends with the file.
    """
    program = chromium()
    if program is None:
        unavailable("no Chromium here")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=_ARGUMENTS) as browser,
    ):
        yield browser


@contextmanager
def watched_page(browser: Browser, platform: PlatformProcess) -> Iterator[Page]:
    """A page of a browser that is new; no request may leave the platform, no script may fail."""
    wrong: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.on(
            "request",
            lambda request: (
                None if request.url.startswith(platform.url) else wrong.append(request.url)
            ),
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: (
                wrong.append(said.text) if "Content Security Policy" in said.text else None
            ),
        )
        yield page
    assert not wrong


def enter(page: Page, platform: PlatformProcess) -> None:
    """Give a browser the cookie of a session that was begun without it.

    To sign in by a link is two pages more, of which the second is the dearest of all.
    """
    person = Console(platform)
    person.sign_in(platform.operator_token)
    for name, value in person.cookies.items():
        page.context.add_cookies(
            [{"name": name, "value": value, "domain": "127.0.0.1", "path": "/console"}]
        )


@pytest.fixture
def page(browser: Browser, platform_process: PlatformProcess) -> Iterator[Page]:
    with watched_page(browser, platform_process) as page:
        yield page


@pytest.fixture
def console(platform_process: PlatformProcess) -> Console:
    """A client of the console without a browser, signed in by the operator's token."""
    console = Console(platform_process)
    console.sign_in(platform_process.operator_token)
    return console


@pytest.fixture
def failing(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return begin_failing(platform_process, app_folder)


def begin_failing(platform: PlatformProcess, folder: Path, **options: Any) -> FunctionMigration:
    """Begin a migration whose function raises at its only file, the one event that it asks for."""
    manifest = function_manifest("index.refuse", [UPLOADED])
    migration = FunctionMigration.begin(platform, folder, manifest=manifest, **options)
    migration.upload("boards")
    migration.complete_export()
    return migration


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    npm = toolchain.npm()
    if npm is None:
        unavailable("no npm here")
    # The workers of one test run install it once.
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "axe"
    folder.mkdir(exist_ok=True)
    script = folder / "node_modules/axe-core/axe.min.js"
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [*npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", AXE]
        for left in (2, 1, 0):
            if script.exists():
                break
            done: Any = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False
            )
            # A registry that is not reached once may be the next time.
            if done.returncode != 0 and not left:
                unavailable(f"npm could not install {AXE}: {done.stderr[-300:]}")
    return script.read_text()

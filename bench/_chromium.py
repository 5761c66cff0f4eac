"""The Chromium of this machine for benchmarks, driven by Playwright, and what it measures."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench._platform import Platform
from bench.report import MissingError

_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

_PAINT = """new Promise(done => {
    const first = () => performance.getEntriesByName('first-contentful-paint')[0];
    if (first()) return done(first().startTime);
    new PerformanceObserver(() => first() && done(first().startTime))
        .observe({type: 'paint', buffered: true});
})"""

_FILTER = """([name, value]) => new Promise(done => {
    const field = document.querySelector(`.filters [name=${name}]`);
    const began = performance.now();
    document.addEventListener('htmx:afterSettle', () => requestAnimationFrame(() =>
        setTimeout(() => done(performance.now() - began))), {once: true});
    field.value = value;
    field.dispatchEvent(new Event('change', {bubbles: true}));
})"""

_AWAIT_TEXT = """text => {
    window.seenAt = new Promise(done => {
        const painted = () => requestAnimationFrame(() => setTimeout(() => done(Date.now())));
        const look = () => document.querySelector('#rows').textContent.includes(text)
            && (watch.disconnect(), painted());
        const watch = new MutationObserver(look);
        watch.observe(document.querySelector('#rows'), {childList: true, subtree: true});
        look();
    });
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; nothing else may run an event loop in this thread meanwhile."""
    path = shutil.which("chromium")
    if path is None:
        raise MissingError("there is no Chromium; on Debian: apt-get install chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=_ARGUMENTS) as browser,
    ):
        yield browser


def sign_in(page: Page, platform: Platform) -> None:
    """Sign a page in by a one-time link."""
    page.set_default_timeout(120_000)
    page.goto(platform.url + platform.call("POST", "/console/links")["path"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def first_paint(page: Page, url: str) -> float:
    """Milliseconds from the request for a page to its first text or picture."""
    page.goto(url)
    return float(page.evaluate(_PAINT))


def filtered(page: Page, name: str, value: str) -> float:
    """Milliseconds from the choice of a filter until the filtered list is painted."""
    return float(page.evaluate(_FILTER, [name, value]))


def await_text(page: Page, text: str) -> None:
    """Have the page note when a text is among its rows."""
    page.evaluate(_AWAIT_TEXT, text)


def seen_at(page: Page) -> float:
    """Return when it was painted, in seconds since the epoch."""
    return float(page.evaluate("window.seenAt")) / 1000


def renderer_memory(browser: Browser, page: Page) -> float:
    """MiB of the largest process that shows pages, its share of what processes have in common.

    What the page has let go of is collected first: an hour has the idle moments for it that a
    shortened one lacks.
    """
    heap = page.context.new_cdp_session(page)
    heap.send("HeapProfiler.collectGarbage")
    heap.detach()
    session = browser.new_browser_cdp_session()
    found: Any = session.send("SystemInfo.getProcessInfo")
    session.detach()
    ids = [each["id"] for each in found["processInfo"] if each["type"] == "renderer"]
    return max(_share(int(each)) for each in ids)


def _share(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024

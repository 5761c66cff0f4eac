"""Who uses the console: somebody with a mouse, somebody with keys alone, and plain HTTP."""

import re
from typing import Protocol
from urllib.parse import urlencode

import pytest
import urllib3
from playwright.sync_api import Locator, Page

from tests.kit.platform import ANSWER_SECONDS, PlatformProcess, Reply

_TABS = 400
_AT_ONCE = (1, 2, 4, *[10] * (_TABS // 10))
"""Presses of Tab between two looks at the page, which cost more: the next field is often near."""

_STOPS_HERE = """
each => {
    window.stopsTab?.abort();
    if (each === document.activeElement) return true;
    window.stopsTab = new AbortController();
    const does = of => [of.localName, of.id, of.name, of.value, of.textContent].join();
    const stay = key => {
        const here = document.activeElement;
        const again = !each.isConnected && here !== document.body && does(here) === does(each);
        if (key.key === "Tab" && (here === each || again)) key.preventDefault();
    };
    document.addEventListener("keydown", stay, {capture: true, signal: window.stopsTab.signal});
    return false;
}
"""
"""Whether it has the focus; if not, Tab leads no further once it has.

Nor does it from what an update of the page has put in its place meanwhile.
"""


class Hand(Protocol):
    """What a person does to a page."""

    def press(self, what: Locator) -> None:
        """Follow a link, push a button, open what folds."""

    def write(self, what: Locator, text: str) -> None:
        """Write into a field."""

    def tick(self, what: Locator) -> None:
        """Tick a box."""


class Mouse:
    """Clicks."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, what: Locator) -> None:
        what.click()

    def write(self, what: Locator, text: str) -> None:
        what.click()
        what.fill(text)

    def tick(self, what: Locator) -> None:
        what.click()


class Keyboard:
    """Reaches everything by Tab, and never clicks."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, what: Locator) -> None:
        self._reach(what)
        self._page.keyboard.press("Enter")

    def write(self, what: Locator, text: str) -> None:
        self._reach(what)
        self._page.keyboard.press("ControlOrMeta+a")
        self._page.keyboard.insert_text(text)

    def tick(self, what: Locator) -> None:
        self._reach(what)
        self._page.keyboard.press("Space")

    def _reach(self, what: Locator) -> None:
        what.wait_for()
        for presses in _AT_ONCE:
            if what.evaluate(_STOPS_HERE):
                return
            for _ in range(presses):
                self._page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by Tab")


HANDS = pytest.mark.parametrize("kind", [Mouse, Keyboard])
Hands = type[Mouse] | type[Keyboard]


class Console:
    """Calls pages as a browser without script would: cookies, forms, redirects by hand."""

    def __init__(self, platform: PlatformProcess) -> None:
        self.url = f"{platform.url}/console"
        self.cookies: dict[str, str] = {}
        self._http = urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS)
        platform.cleanups.append(self._http.clear)

    def get(self, page: str = "", **headers: str) -> Reply:
        """Open a page, named from the console's root."""
        return self._send("GET", page, headers, None)

    def post(self, page: str, fields: dict[str, str] | None = None, **headers: str) -> Reply:
        """Send a form, without the mark of its session unless it is among the fields."""
        return self._send("POST", page, headers, fields or {})

    def send(self, page: str, **fields: str) -> Reply:
        """Send a form with the mark of its session."""
        return self.post(page, {"csrf": self.csrf(), **fields})

    def sign_in(self, token: str, page: str = "") -> Reply:
        """Sign in by a token."""
        return self.post("sign-in", {"token": token, "next": page})

    def csrf(self) -> str:
        """Return the mark in the forms of this session."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text())
        assert found is not None
        return found[1]

    def text(self, page: str = "") -> str:
        """Return a page that is there."""
        reply = self.get(page)
        assert reply.status == 200, (reply.status, reply.body[:500])
        return reply.body.decode()

    def _send(
        self, method: str, page: str, headers: dict[str, str], fields: dict[str, str] | None
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies and "cookie" not in sent:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if fields is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        answer = self._http.request(
            method, f"{self.url}/{page}", headers=sent, body=body, redirect=False
        )
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, names, answer.data)

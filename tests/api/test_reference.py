"""The page ``/docs``: complete, without scripts, and without anything from elsewhere."""

import base64
import hashlib
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.kit.platform import PlatformProcess, Reply
from tools.chromium import chromium

CHROMIUM = chromium()


class Page(HTMLParser):
    """What a page links to, which elements it has, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "formaction", "srcset", "data"):
                self.links.add(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def reply(running_platform: PlatformProcess) -> Reply:
    found = running_platform.caller(None).call("GET", "/docs")
    assert found.status == 200
    assert found.headers["content-type"].startswith("text/html")
    return found


def test_nothing_comes_from_elsewhere(reply: Reply) -> None:
    page = Page(reply.body.decode())
    outside = {link for link in page.links if not link.startswith("#")}
    assert outside == {"openapi.json", "docs", "data:,"}
    assert {link[1:] for link in page.links - outside} <= page.ids
    assert not page.tags & {"script", "iframe", "object", "embed", "img", "base"}
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]


def test_its_policy_allows_its_style_alone(reply: Reply) -> None:
    html = reply.body.decode()
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = dict(
        rule.strip().split(" ", 1) for rule in reply.headers["content-security-policy"].split(";")
    )
    assert policy.pop("style-src") == f"'sha256-{digest}'"
    assert policy == {
        "default-src": "'none'",
        "img-src": "data:",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_every_call_is_there(running_platform: PlatformProcess, reply: Reply) -> None:
    document = running_platform.caller(None).ok("GET", "/openapi.json")
    page = Page(reply.body.decode())
    texts = set(page.texts)
    for path, item in document["paths"].items():
        assert path in texts
        for operation in item.values():
            assert operation["operationId"] in page.ids
            for parameter in operation.get("parameters", []):
                assert parameter["name"] in texts
    for name, form in document["components"]["schemas"].items():
        assert f"form-{name}" in page.ids
        assert set(form.get("properties", {})) <= texts


def test_it_is_narrowed_by_words(running_platform: PlatformProcess) -> None:
    caller = running_platform.caller(None)
    page = Page(caller.call("GET", "/docs?find=RERUN+admin").body.decode())
    assert "/admin/v1/transfers/{transferId}/rerun" in page.texts
    assert "/admin/v1/clock" not in page.texts
    page = Page(caller.call("GET", "/docs?find=%22%3E%3Cscript%3E").body.decode())
    assert "script" not in page.tags
    assert "No call has all of these words." in page.texts


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_a_browser_without_a_network_shows_it(
    running_platform: PlatformProcess, tmp_path: Path
) -> None:
    log = tmp_path / "net.json"
    shown = subprocess.run(
        [
            *(CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--enable-logging=stderr", f"--log-net-log={log}"),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"{running_platform.url}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "/admin/v1/transfers/{transferId}/rerun" in Page(shown.stdout).texts
    assert "Content Security Policy" not in shown.stderr
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log.read_text()))
    assert f"{running_platform.url}/docs" in asked
    # The browser's own calls home, which find no name, are none of the page's.
    ours = {url for url in asked if url.startswith(running_platform.url)}
    assert {url.removeprefix(running_platform.url) for url in ours} <= {"/", "/docs"}

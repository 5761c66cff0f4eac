"""Make the screenshots of README and docs: ``python -m tools.screenshots``, or make screenshots.

Needs Debian's Chromium, and npm for two pinned fonts, so that they look the same on any machine.
``docs/screenshots/outline.json`` says what the pages called things then; a test compares it.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from ferryman.functions import toolchain
from tests.console.people import Console
from tests.kit.platform import PlatformProcess
from tools.chromium import chromium
from tools.harbour import Harbour, build
from tools.outline import outline

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
OUTLINE = FOLDER / "outline.json"
WIDTH, HEIGHT = 1280, 860
_FONTS = {
    "@fontsource/inter@5.3.0": ("Pinned", (400, 500, 600, 700)),
    "@fontsource/jetbrains-mono@5.3.0": ("Pinned Mono", (400, 700)),
}
_STYLE = """
html, button, input, select, textarea, text { font-family: Pinned !important; }
code, pre, kbd, .time, .id { font-family: "Pinned Mono" !important; }
* { caret-color: transparent !important; transition: none !important; }
"""


def main() -> None:
    """Make all of them again."""
    program = chromium()
    if program is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="ferryman-screenshots-") as name:
        folder = Path(name)
        style = _faces(folder) + _STYLE
        with PlatformProcess(folder / "data") as platform:
            harbour = build(platform, folder)
            OUTLINE.write_text(json.dumps(outlines(platform, harbour), indent=1) + "\n")
            with (
                sync_playwright() as playwright,
                playwright.chromium.launch(
                    executable_path=program, args=["--no-sandbox", "--disable-gpu"]
                ) as browser,
            ):
                _shoot(browser, platform, harbour, style)


def outlines(platform: PlatformProcess, harbour: Harbour) -> dict[str, list[str]]:
    """Return the outline of each page."""
    console = Console(platform)
    console.sign_in(platform.operator_token)
    data = ("com.tidewater", "Shipyard", "Harbour", "Lighthouse", "Ferry terminal", "Choose the")
    return {
        name: outline(console.text(page), without=data) for name, page in harbour.pages().items()
    }


def _shoot(browser: Browser, platform: PlatformProcess, harbour: Harbour, style: str) -> None:
    admin = platform.caller(platform.operator_token)
    link = admin.ok("POST", "/console/links")["path"]
    viewport = {"width": WIDTH, "height": HEIGHT}
    with browser.new_context(
        viewport=viewport,  # type: ignore[arg-type]
        color_scheme="light",
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(platform.url + link)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        for name, path in harbour.pages().items():
            page.goto(f"{platform.url}/console/{path}")
            _settle(page, style)
            page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def _settle(page: Page, style: str) -> None:
    page.add_style_tag(content=style)
    page.evaluate("document.fonts.ready")
    page.evaluate(
        "const row = document.querySelector('#rows tr.on');"
        "row ? row.scrollIntoView({block: 'center'}) : scrollTo(0, 0)"
    )


def _faces(folder: Path) -> str:
    """Install the fonts, and return the style that has them in it."""
    npm = toolchain.npm()
    if npm is None:
        sys.exit("There is no npm here, which has the fonts.")
    command = [*npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *_FONTS]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    faces = []
    for package, (family, weights) in _FONTS.items():
        name = package.rpartition("@")[0]
        for weight in weights:
            short = name.rpartition("/")[2]
            file = folder / "node_modules" / name / "files" / f"{short}-latin-{weight}-normal.woff2"
            data = base64.b64encode(file.read_bytes()).decode()
            faces.append(
                f"@font-face {{ font-family: '{family}'; font-weight: {weight}; "
                f"src: url(data:font/woff2;base64,{data}); }}"
            )
    return "\n".join(faces)


if __name__ == "__main__":
    main()

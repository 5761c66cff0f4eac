"""The console below a path prefix, behind nginx, also one that keeps what streams say."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.proxies import proxy
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess


@pytest.mark.parametrize("prefix", ["below/a", "buffered"])
def test_it_works_below_a_prefix(
    prefix: str, browser: Browser, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Nobody tells the console of it: all links, redirects and cookies are relative."""
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    outside: list[str] = []
    with proxy("nginx", platform_process.port) as url, browser.new_context() as context:
        base = f"{url}/{prefix}/console"
        context.on(
            "request",
            lambda request: None if request.url.startswith(base) else outside.append(request.url),
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(base)
        page.get_by_label("Access token").fill(platform_process.operator_token)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Migrations").click()
        page.locator(f"#ta{migration.transfer_id}").click()
        expect(page.locator("#head")).to_contain_text("ready")
        migration.claim()
        migration.upload("boards")
        expect(page.locator("#head")).to_contain_text("in progress", timeout=60_000)
        page.get_by_role("link", name="Messages", exact=True).last.click()
        expect(page.locator("main")).to_contain_text("boards")
        [cookie] = context.cookies()
        assert cookie["path"] == f"/{prefix}/console"
    assert not outside

"""Who gets into the console, what for, and for how long."""

import re
from pathlib import Path

import pytest

from tests.console.people import Console
from tests.kit.function_app import FunctionMigration
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess, wait_until

PAGES = (
    *("", "migrations", "migrations/new", "messages", "apps", "apps/new", "mappings"),
    *("storage", "platform", "audit", "search?q=harbour", "jobs", "try"),
)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_a_page_without_signing_in(
    platform_process: PlatformProcess, page: str
) -> None:
    """And is sent where they wanted to go once they have."""
    console = Console(platform_process)
    asked = console.get(page)
    assert asked.status == 303
    location = asked.headers["location"]
    assert location.startswith(("./sign-in", "../sign-in"))
    assert "://" not in location


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_and_hardened(console: Console, page: str) -> None:
    """Nothing inline, nothing from elsewhere, no frame, no cache."""
    reply = console.get(page)
    assert reply.status == 200
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert "unsafe" not in policy
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["cache-control"] == "no-store"
    text = reply.body.decode()
    assert not re.search(r"<script(?![^>]+src=)|<style|\sstyle=|\son\w+=", text)
    assert not re.search(r'(src|href|action)="(https?:)?//', text)


def test_a_wrong_token_is_refused_and_told_so(platform_process: PlatformProcess) -> None:
    console = Console(platform_process)
    for token in ("", "fm_viewer_wrong", "\x7f", "ü"):
        reply = console.sign_in(token)
        assert reply.status in (400, 401)
        assert 'id="fault"' in reply.body.decode()
        assert console.cookies == {}


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    platform_process: PlatformProcess,
) -> None:
    """It holds the token sealed, and says nothing of its path, so prefixes keep it apart."""
    console = Console(platform_process)
    reply = console.sign_in(platform_process.operator_token, "messages?state=any")
    assert reply.status == 303
    assert reply.headers["location"] == "./messages?state=any"
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "path" not in cookie.lower()
    assert platform_process.operator_token not in cookie


@pytest.mark.parametrize(
    "page",
    ["//evil.example", "https://evil.example", "/admin", "..//evil", "\\\\evil", "a\r\nx: y", "@x"],
)
def test_signing_in_leads_nowhere_else(platform_process: PlatformProcess, page: str) -> None:
    reply = Console(platform_process).sign_in(platform_process.operator_token, page)
    assert reply.headers["location"] == "./"


def test_a_link_signs_in_once(platform_process: PlatformProcess) -> None:
    """Opening it changes nothing, since chats open links to look at them."""
    admin = platform_process.caller(platform_process.operator_token)
    link = admin.ok("POST", "/console/links")["path"].removeprefix("/console/")
    first, second = Console(platform_process), Console(platform_process)
    assert first.get(link).status == second.get(link).status == 200
    code = link.removeprefix("enter/")
    assert first.post("enter", {"code": code}).status == 303
    assert first.get().status == 200
    assert second.post("enter", {"code": code}).status == 401
    assert second.get().status == 303


def test_a_link_is_made_by_those_with_a_token_alone(platform_process: PlatformProcess) -> None:
    nobody = platform_process.caller("fm_viewer_wrong")
    assert nobody.call("POST", "/console/links").status == 401


def test_a_session_ends_with_its_token(platform_process: PlatformProcess) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    made = admin.ok("POST", "/admin/v1/tokens", {"name": "leaver", "role": "viewer"})
    console = Console(platform_process)
    console.sign_in(made["token"])
    assert console.get().status == 200
    admin.ok("POST", "/admin/v1/tokens/leaver/revoke")
    assert wait_until(lambda: console.get().status == 303)


def test_a_session_ends_when_it_is_left(console: Console) -> None:
    assert console.send("sign-out").status == 303
    assert console.get().status == 303


@pytest.mark.parametrize("headers", [{}, {"sec_fetch_site": "cross-site"}])
def test_a_form_of_another_site_changes_nothing(
    console: Console, failing: FunctionMigration, headers: dict[str, str]
) -> None:
    """The mark of the session is missing, or the browser says where the form comes from."""
    mark = {"csrf": console.csrf()} if headers else {"csrf": "guessed"}
    reply = console.post(f"transfers/{failing.transfer_id}/cancel", mark, **headers)
    assert reply.status == 403
    view = failing.admin.ok("GET", f"/admin/v1/transfers/{failing.transfer_id}")
    assert view["status"] == "IN_PROGRESS"


def test_a_viewer_is_offered_nothing_and_refused(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    """A role hides actions, and the call behind them refuses all the same."""
    admin = platform_process.caller(platform_process.operator_token)
    made = admin.ok("POST", "/admin/v1/tokens", {"name": "looker", "role": "viewer"})
    console = Console(platform_process)
    console.sign_in(made["token"])
    page = f"transfers/{failing.transfer_id}"
    text = console.text(page)
    assert "/cancel" not in text
    assert "+15 min" not in text
    assert "New migration" not in console.text("migrations")
    reply = console.send(f"{page}/cancel")
    assert reply.status == 403
    assert "role_insufficient" in reply.body.decode()
    assert console.get("audit").status == 403
    assert 'name="chosen"' not in console.text("messages?state=any")
    for form in ("migrations/new", "apps/new"):
        refused = console.get(form)
        assert (refused.status, "role_insufficient" in refused.body.decode()) == (403, True), form
    own = f"migrations/{failing.migration_id}"
    assert f"{own}/copy" not in console.text(own)
    for action in ("copy", "archive", "unarchive"):
        assert console.send(f"{own}/{action}", name="Mine").status == 403


def test_an_app_owner_sees_their_own_app_alone(
    platform_process: PlatformProcess, failing: FunctionMigration, tmp_path: Path
) -> None:
    """The navigation has only what they may see, and all of that works."""
    admin = platform_process.caller(platform_process.operator_token)
    other = FunctionMigration.begin(platform_process, tmp_path / "other")
    app = failing.registration["cloudAppKey"]
    made = admin.ok("POST", "/admin/v1/tokens", {"name": app, "role": "app-owner", "apps": [app]})
    console = Console(platform_process)
    console.sign_in(made["token"])
    pages = re.findall(r'<li><a href="\./([a-z]*)"', console.text())
    assert "migrations" in pages
    assert not {"audit", "storage"} & set(pages)
    for page in pages:
        assert console.get(page).status == 200, page
    text = console.text("migrations")
    assert failing.transfer_id in text
    assert other.transfer_id not in text
    assert console.get(f"transfers/{failing.transfer_id}").status == 200
    assert console.get(f"transfers/{other.transfer_id}").status == 404


def test_the_manifest_is_the_one_that_scripts_get(
    console: Console, failing: FunctionMigration
) -> None:
    reply = console.get(f"transfers/{failing.transfer_id}/manifest.json")
    assert "attachment" in reply.headers["content-disposition"]
    own = failing.admin.call("GET", f"/admin/v1/transfers/{failing.transfer_id}/manifest")
    assert reply.body == own.body
    assert console.get("transfers/0/manifest.json").status == 404


def test_files_are_read_again(console: Console, platform_process: PlatformProcess) -> None:
    """Those that are gone from the store are named."""
    app = AppMigration.register_app(platform_process)
    app.create()
    app.start()
    app.claim()
    whole, lost = (app.upload(label)["key"] for label in ("whole boards", "lost boards"))
    page = f"transfers/{app.transfer_id}"
    assert f'action="../../{page}/verify"' in console.text(f"{page}/files")
    text = console.send(f"{page}/verify").body.decode()
    assert "as accepted</span> 2 files" in text
    [stored] = (platform_process.data_dir / "objects").glob(f"objects/*/{lost}")
    stored.rename(stored.with_name("elsewhere"))
    text = console.send(f"{page}/verify").body.decode()
    assert "1 of 2 files" in text
    assert "missing" in text
    assert ("lost boards" in text, "whole boards" in text) == (True, False)
    assert (lost in text, whole in text) == (True, False)
    assert console.send("transfers/0/verify").status == 404
    app.cancel()


def test_a_loaded_mapping_is_looked_up(console: Console, failing: FunctionMigration) -> None:
    rows = "namespace,serverKey,cloudKey\nconsole:é,key<1>,cloud<1>\n"
    assert console.send(f"migrations/{failing.migration_id}/mappings", rows=rows).status == 200
    query = f"mappings?migration={failing.migration_id}&namespace=console:%C3%A9"
    page = console.text(f"{query}&prefix=key%3C")
    assert "key&lt;1&gt;" in page
    assert "cloud&lt;1&gt;" in page
    assert "No mappings that match" in console.text(f"{query}&prefix=other")


def test_too_large_a_form_is_refused(console: Console, failing: FunctionMigration) -> None:
    page = f"migrations/{failing.migration_id}/mappings"
    reply = console.send(page, rows="x" * (33 << 20))
    assert reply.status == 413
    assert "ferryman mapping load" in reply.body.decode()


@pytest.mark.parametrize("value", ["!!bool maybe", "!!int ''", "9" * 5_000, "[" * 5_000])
def test_a_manifest_that_is_no_yaml_is_refused(console: Console, value: str) -> None:
    """Whatever its reader raises for it."""
    reply = console.send("apps", definition=f"app: {value}")
    assert reply.status == 400
    assert "a manifest that cannot be read" in reply.body.decode()


def test_what_is_of_others_is_not_there(console: Console) -> None:
    for page in ("transfers/0", "migrations/0", "messages/0", "apps/none", "nothing"):
        reply = console.get(page)
        assert reply.status == 404
        assert "What to do" in reply.body.decode()


def test_changes_are_in_the_audit_log_under_the_name_of_who_signed_in(
    platform_process: PlatformProcess, failing: FunctionMigration
) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    made = admin.ok("POST", "/admin/v1/tokens", {"name": "canceller", "role": "operator"})
    console = Console(platform_process)
    console.sign_in(made["token"])
    assert console.send(f"transfers/{failing.transfer_id}/cancel").status == 303
    [row] = admin.ok("GET", f"/admin/v1/audit?target={failing.transfer_id}")["items"][:1]
    assert (row["actor"], row["operation"]) == ("canceller", "cancel_transfer")
    assert row["address"]


def test_every_app_can_be_chosen(console: Console, platform_process: PlatformProcess) -> None:
    """Also when the apps are more than a list has on its first page."""
    last = [AppMigration.register_app(platform_process) for _ in range(101)][-1]
    key = last.registration["cloudAppKey"]
    assert f'value="{key}@' in console.text("migrations/new")
    for page in ("migrations", "messages"):
        assert f'<option value="{key}"' in console.text(page)


def test_what_cannot_be_decoded_is_refused(
    console: Console, platform_process: PlatformProcess
) -> None:
    """Bytes in a form that are not UTF-8, also of nobody, and JSON nested too deep."""
    kind = {"content-type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
    nobody = platform_process.caller(None)
    reply = nobody.call("POST", "/console/sign-in", raw=head + b"\xff\r\n--x--\r\n", headers=kind)
    assert reply.status == 400, reply.body
    deep = console.send("try/step", step="file", transfer="x", data="[" * 100_000)
    assert deep.status == 400, deep.body

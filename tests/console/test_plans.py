"""Plans in the console: one form makes one migration; copies, and what is archived."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.console.conftest import enter
from tests.console.people import Console, Keyboard
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess


def form_key(console: Console) -> str:
    """Return the one-time key of the form of a new plan."""
    found = re.search(r'name="key" value="([^"]+)"', console.text("migrations/new"))
    assert found is not None
    return found[1]


def test_a_form_that_is_sent_twice_makes_one_migration(
    platform_process: PlatformProcess, console: Console
) -> None:
    """Both at once; what was changed before it is sent again is another plan."""
    app = AppMigration.register_app(platform_process)
    plan = {
        "name": "Once",
        "site": "https://once.example",
        "source": app.registration["serverAppKey"],
        "apps": app.registration["cloudAppKey"],
        "containers": "JiraProject:HAR:Harbour",
        "key": form_key(console),
    }
    assert form_key(console) != plan["key"]
    csrf = console.csrf()

    def send(name: str) -> str:
        reply = console.post("migrations", {"csrf": csrf, **plan, "name": name})
        assert reply.status == 303, reply.body
        return reply.headers["location"]

    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(send, ["Once"] * 4))
    assert len(places) == 1
    assert send("Twice") not in places
    path = f"/admin/v1/migrations?cloudAppKey={app.registration['cloudAppKey']}"
    found = app.admin.ok("GET", path)["items"]
    assert sorted(each["name"] for each in found) == ["Once", "Twice"]
    assert [len(each["transfers"]) for each in found] == [1, 1]
    created = app.admin.ok("GET", "/admin/v1/audit?operation=create_migration")["items"]
    ids = [each["migrationId"] for each in found]
    assert sorted(each["target"] for each in created if each["target"] in ids) == sorted(ids)


def test_a_plan_that_is_sent_twice_makes_one_migration(
    platform_process: PlatformProcess, console: Console
) -> None:
    app = AppMigration.register_app(platform_process)
    key = app.registration["cloudAppKey"]
    shown = console.send("migrations/plan", plan=f'name = "Plan"\napp = "{key}"\n').body.decode()
    fields = dict(re.findall(r'type="hidden" name="(csrf|key|exact)" value="([^"]+)"', shown))
    assert set(fields) == {"csrf", "key", "exact"}
    with ThreadPoolExecutor(2) as pool:
        pages = ["migrations/plan/create"] * 2
        replies = list(pool.map(lambda page: console.post(page, fields | {"start": "1"}), pages))
    assert [each.status for each in replies] == [303, 303]
    assert replies[0].headers["location"] == replies[1].headers["location"]
    [made] = app.admin.ok("GET", f"/admin/v1/migrations?cloudAppKey={key}")["items"]
    assert made["startedAt"] is not None


def test_a_copy_has_the_same_plan_and_is_made_once(
    platform_process: PlatformProcess, console: Console
) -> None:
    """Another name makes another copy; containers and customer come along."""
    app = AppMigration.register_app(platform_process)
    app.create(containers=[{"type": "Site"}, {"type": "JiraProject", "key": "HAR", "name": "H"}])
    page = f"migrations/{app.migration_id}"
    key = re.search(r'name="key" value="([^"]+)"', console.text(page))
    assert key is not None
    places = [
        console.send(f"{page}/copy", key=key[1], name=name).headers["location"]
        for name in ("Wave 2", "Wave 2", "Wave 3")
    ]
    assert places[0] == places[1] != places[2]
    assert "Wave 2" in console.text(f"migrations/{places[0].rpartition('/')[2]}")
    copied = app.admin.ok("GET", f"/admin/v1/migrations/{places[0].rpartition('/')[2]}")
    assert (copied["migrationScopeId"], copied["startedAt"]) == (
        app.admin.ok("GET", f"/admin/v1/{page}")["migrationScopeId"],
        None,
    )
    assert [each["cloudAppKey"] for each in copied["transfers"]] == app.plan["apps"]
    app.admin.ok("POST", f"/admin/v1/migrations/{copied['migrationId']}/start")
    app.transfer_id = app.claim()["transferId"]
    found = app.export("/containers/page?containerType=JiraProject", "GET").json
    assert [each["key"] for each in found["containers"]] == ["HAR"]
    app.cancel()


def test_a_copy_is_made_by_keys_on_a_narrow_page(
    page: Page, platform_process: PlatformProcess
) -> None:
    """Nothing reaches beyond the page, neither what opens nor the lists that it is in."""
    app = AppMigration.register_app(platform_process)
    app.create()
    app.cancel()
    app.admin.ok("POST", f"/admin/v1/migrations/{app.migration_id}/archive")
    enter(page, platform_process)
    page.set_viewport_size({"width": 320, "height": 800})
    pages = ["migrations?archived=any", f"mappings?migration={app.migration_id}", "sessions"]
    for each in (*pages, f"transfers/{app.transfer_id}", f"migrations/{app.migration_id}"):
        page.goto(f"{platform_process.url}/console/{each}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, each
    hand = Keyboard(page)
    hand.press(page.locator("summary", has_text="Copy…"))
    sheet = page.locator("details.confirm[open] .sheet").bounding_box()
    assert sheet is not None
    assert 0 <= sheet["x"] <= sheet["x"] + sheet["width"] <= 320
    hand.write(page.get_by_label("Name", exact=True), "Wave 2")
    hand.press(page.get_by_role("button", name="Copy the migration"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Wave 2")


def test_a_field_sends_back_what_it_was_made_from(
    platform_process: PlatformProcess, console: Console
) -> None:
    """Letters are joined by characters that nobody sees, and that pages spell out elsewhere."""
    name = "Wave \N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    app = AppMigration.register_app(platform_process)
    app.create(name=name)
    text = console.text(f"migrations/{app.migration_id}")
    assert "Wave \N{WOMAN}\\u200d\N{PERSONAL COMPUTER}</bdi>" in text
    field = re.search(r'<input name="name" value="([^"]*)"', text)
    assert field is not None
    assert unescape(field[1]) == name
    found = console.text(f"migrations?status=READY&text={quote(name)}")
    assert f'id="t{app.transfer_id}"' in found
    # In the filter, and in the form that cancels all that match.
    assert [unescape(each) for each in re.findall(r'name="text" value="([^"]*)"', found)] == [
        name,
        name,
    ]
    app.cancel()


def test_a_copy_needs_all_its_apps(platform_process: PlatformProcess, console: Console) -> None:
    """One that was removed meanwhile is named, and nothing is created."""
    kept, gone = (AppMigration.register_app(platform_process) for _ in range(2))
    key = gone.registration["cloudAppKey"]
    kept.create(apps=[kept.registration["cloudAppKey"], key])
    for transfer_id in kept.transfer_ids:
        kept.admin.ok("POST", f"/admin/v1/transfers/{transfer_id}/cancel")
    kept.admin.ok("POST", f"/admin/v1/apps/{gone.tokens['appId']}/remove")
    reply = console.send(f"migrations/{kept.migration_id}/copy", name="Again", key="1")
    assert (reply.status, key in reply.body.decode()) == (404, True)
    path = f"/admin/v1/migrations?cloudAppKey={kept.registration['cloudAppKey']}"
    assert len(kept.admin.ok("GET", path)["items"]) == 1
    assert console.send(f"migrations/{kept.migration_id}/archive").status == 303
    assert "archived" in console.text(f"migrations/{kept.migration_id}")


def test_an_empty_key_makes_nothing_the_same(platform_process: PlatformProcess) -> None:
    """Clients send it who have none."""
    app = AppMigration.register_app(platform_process)
    ids = set()
    for _ in range(2):
        app.create(name="Twice", sourceId="s", requestKey="")
        ids.add(app.migration_id)
        app.cancel()
    assert len(ids) == 2


def test_mappings_are_those_of_archived_migrations_too(
    platform_process: PlatformProcess, console: Console
) -> None:
    """An earlier run, to look into and to compare with."""
    app = AppMigration.register_app(platform_process)
    app.create()
    app.cancel()
    missing = f'href="./transfers/{app.transfer_id}/missing"'
    assert missing in console.text("mappings")
    app.admin.ok("POST", f"/admin/v1/migrations/{app.migration_id}/archive")
    text = console.text(f"mappings?migration={app.migration_id}")
    assert f'<option value="{app.migration_id}" selected>' in text
    assert missing not in text


def test_an_archived_migration_is_hidden_until_it_is_asked_for(
    platform_process: PlatformProcess, console: Console
) -> None:
    """Only one that has ended; its pages stay, and what runs again is listed again."""
    app = AppMigration.register_app(platform_process)
    app.create()
    page, row = f"migrations/{app.migration_id}", f'id="t{app.transfer_id}"'
    listed = f"migrations?app={app.registration['cloudAppKey']}"
    assert f"{page}/archive" not in console.text(page)
    refused = console.send(f"{page}/archive")
    assert (refused.status, "migration_unfinished" in refused.body.decode()) == (409, True)
    app.cancel()
    assert f"{page}/archive" in console.text(page)
    assert row in console.text(listed)
    for _ in range(2):
        assert console.send(f"{page}/archive").status == 303
    assert row not in console.text(listed)
    assert "archived ones are left out" in console.text(listed)
    assert "All are archived" in console.text(f"apps/{app.tokens['appId']}")
    for value in ("true", "any"):
        assert row in console.text(f"{listed}&archived={value}")
    assert "<strong>archived</strong>" in console.text(page)
    assert row in console.text(page)
    migrations = f"/admin/v1/migrations?cloudAppKey={app.registration['cloudAppKey']}"
    assert app.admin.ok("GET", migrations)["items"] == []
    [found] = app.admin.ok("GET", f"{migrations}&archived=true")["items"]
    assert found["archivedAt"] is not None
    assert console.send(f"{page}/unarchive").status == 303
    assert row in console.text(listed)
    hidden = console.text(f"{listed}&archived=true")
    assert row not in hidden
    assert "archived ones are left out" not in hidden
    assert "All are archived" not in console.text(f"apps/{app.tokens['appId']}")


def test_an_open_page_offers_to_archive_what_ends(
    platform_process: PlatformProcess, page: Page
) -> None:
    """A migration that starts and ends while its page is open; so says its date of start."""
    app = AppMigration.register_app(platform_process)
    app.create()
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/migrations/{app.migration_id}")
    archive = page.get_by_role("button", name="Archive")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    app.start()
    expect(page.locator("#dates")).to_contain_text("started")
    expect(page.get_by_role("button", name="Start")).to_have_count(0)
    expect(archive).to_have_count(0)
    app.cancel()
    expect(archive).to_be_visible()
    archive.click()
    expect(page.locator("#dates")).to_contain_text("archived")


def test_a_rerun_brings_an_archived_migration_back(platform_process: PlatformProcess) -> None:
    app = AppMigration.register_app(platform_process)
    app.create()
    app.start()
    app.claim()
    app.advance(minutes=16)
    assert app.status == "TIMED_OUT"
    own = f"/admin/v1/migrations/{app.migration_id}"
    assert app.admin.ok("POST", f"{own}/archive")["archivedAt"] is not None
    app.rerun()
    assert app.admin.ok("GET", own)["archivedAt"] is None
    path = f"/admin/v1/transfers?cloudAppKey={app.registration['cloudAppKey']}"
    assert len(app.admin.ok("GET", path)["items"]) == 2
    app.refresh()
    app.transfer_id = app.transfer_ids[-1]
    app.cancel()

"""Plans in the console: one form makes one migration, however often it is sent."""

import re
from concurrent.futures import ThreadPoolExecutor

from tests.console.people import Console
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

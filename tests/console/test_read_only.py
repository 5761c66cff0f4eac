"""A console that is read-only shows everything to an admin, and changes nothing."""

import re
from collections.abc import Iterator

import pytest

from ferryman.console.pages import HANDLERS
from ferryman.vocab import EventType
from tests.console.people import Console
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess

SETTING = {"FERRYMAN_CONSOLE_READ_ONLY": "true"}
OWN = {"preferences", "sign-out"}
"""Forms that concern nobody but who sends them."""

UNKNOWN = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"
UNREADABLE = {"try/files", "try/part"}
"""Forms that need a file, which is looked for first."""
READING = ("/body", "/verify")
"""Forms that only read; a link would let others send somebody there."""


@pytest.fixture(scope="module")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform of this file's own, with the setting."""
    data = tmp_path_factory.mktemp("read-only") / "data"
    with PlatformProcess(data, env=SETTING) as platform:
        yield platform


@pytest.fixture
def migration(platform_process: PlatformProcess) -> AppMigration:
    """A migration that runs: the API changes what the console does not."""
    migration = AppMigration.register_app(platform_process)
    migration.create()
    migration.start()
    assert migration.claim()["transferId"] == migration.transfer_id
    return migration


def test_no_page_offers_to_change_anything(console: Console, migration: AppMigration) -> None:
    pages = ["", "migrations", "messages", "apps", "mappings", "storage", "notices", "platform"]
    app = migration.tokens["appId"]
    pages += ["sessions", "audit", f"transfers/{migration.transfer_id}", f"apps/{app}"]
    for page in [*pages, f"migrations/{migration.migration_id}"]:
        text = console.text(page)
        assert "This console is read-only" in text
        actions = re.findall(r'<form[^>]*method="post"[^>]*action="(?:\.\./|\./)*([^"]*)"', text)
        # The lists keep the form around their rows, without a button.
        assert set(actions) <= OWN | {"jobs", "clock"}, page
        assert not re.findall(r'<button[^>]*name="(?:operation|act)"', text), page
        assert 'name="chosen"' not in text, page


def test_every_form_is_refused(console: Console, migration: AppMigration) -> None:
    """Whatever a page may send; and what is there for a form alone is not shown."""
    before = migration.admin.ok("GET", "/admin/v1/audit?pageSize=1")["items"]
    places = {
        "migration_id": migration.migration_id,
        "transfer_id": migration.transfer_id,
        "app_id": migration.tokens["appId"],
        "action": "suspend",
    }
    plan = f'name = "No"\napp = "{migration.registration["cloudAppKey"]}"\n'
    fields = {
        "migrations": {"name": "No", "site": "https://no.example", "source": "s", "apps": "x"},
        "migrations/plan": {"plan": plan},
        "migrations/plan/create": {"plan": plan},
        f"migrations/{migration.migration_id}/links": {"days": "1"},
        f"migrations/{migration.migration_id}/rerun": {"transfer": migration.transfer_id},
        f"transfers/{migration.transfer_id}/extend": {"hours": "1"},
        "apps": {"kind": "forge", "cloud": "c", "server": "s"},
        "jobs": {"operation": "cancel", "chosen": migration.transfer_id},
        "views": {"here": "migrations", "name": "mine"},
        "clock": {"act": "900"},
        "try/event": {"event": EventType.TRIGGERED.value},
        "try/step": {"step": "begin"},
    }
    sent = [path for each in HANDLERS if "POST" in each.http_methods for path in each.paths]
    assert len(sent) > 30
    for path in sent:
        form = re.sub(r"{(\w+):str}", lambda name: places.get(name[1], UNKNOWN), path[1:])
        reply = console.send(form, **fields.get(form, {}))
        if form in UNREADABLE:
            assert reply.status == 400, form
        elif not form.endswith(READING):
            assert (reply.status, "console_read_only" in reply.body.decode()) == (403, True), form
    for page in ("migrations/new", "apps/new"):
        reply = console.get(page)
        assert (reply.status, "console_read_only" in reply.body.decode()) == (403, True), page
    assert 'action="./try/' not in console.text("try")
    assert migration.status == "IN_PROGRESS"
    assert migration.admin.ok("GET", "/admin/v1/audit?pageSize=1")["items"] == before


def test_what_concerns_nobody_else_still_works(console: Console, migration: AppMigration) -> None:
    """Who signs in and out, how pages look, and the views that they kept elsewhere."""
    view = {"page": "migrations", "name": "mine", "query": "status=FAILED"}
    migration.admin.ok("POST", "/admin/v1/views", view)
    text = console.text("migrations")
    assert 'href="./migrations?status=FAILED"><bdi>mine</bdi></a>' in text
    assert "Keep this view" not in text
    assert "Remove the view" not in text
    assert console.send("preferences", theme="dark").status == 303
    assert console.send("sign-out").status == 303
    assert console.get().status == 303

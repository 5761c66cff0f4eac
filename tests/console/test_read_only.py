"""A console that is read-only shows everything to an admin, and changes nothing."""

import re
from collections.abc import Iterator

import pytest

from tests.console.people import Console
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess

SETTING = {"FERRYMAN_CONSOLE_READ_ONLY": "true"}
OWN = {"preferences", "sign-out"}
"""Forms that concern nobody but who sends them."""


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


def test_what_would_change_something_is_refused(console: Console, migration: AppMigration) -> None:
    own, app = f"migrations/{migration.migration_id}", migration.tokens["appId"]
    before = migration.admin.ok("GET", "/admin/v1/audit?pageSize=1")["items"]
    forms = {
        "migrations": {"name": "No", "site": "https://no.example", "source": "s", "apps": "x"},
        f"{own}/start": {},
        f"{own}/mappings": {"rows": "namespace,serverKey,cloudKey\njira:issue,1,2\n"},
        f"{own}/links": {"days": "1"},
        f"transfers/{migration.transfer_id}/cancel": {},
        f"transfers/{migration.transfer_id}/pause": {},
        f"apps/{app}/suspend": {},
        f"apps/{app}/remove": {},
        "jobs": {"operation": "cancel", "chosen": migration.transfer_id},
        "views": {"here": "migrations", "name": "mine"},
        "clock": {"act": "900"},
    }
    for page, fields in forms.items():
        reply = console.send(page, **fields)
        assert (reply.status, "console_read_only" in reply.body.decode()) == (403, True), page
    assert migration.status == "IN_PROGRESS"
    assert migration.admin.ok("GET", "/admin/v1/audit?pageSize=1")["items"] == before
    assert console.send("preferences", theme="dark").status == 303

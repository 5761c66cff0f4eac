"""A whole migration into an app that was written without a look at the platform."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from tests.connect_app.conftest import App
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import wait_until

NOTES = b"10000 10001 10002 "
DIGEST = sha256(NOTES).hexdigest()


@pytest.fixture
def migration(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionMigration]:
    """A started migration of the installed app; its mappings are there.

    The app ends it, and takes its last event, before its process ends: what it does not take is
    tried for 14 days, and each try would be a step for a test that moves the clock.
    """
    folder = tmp_path_factory.mktemp("nothing")
    migration = FunctionMigration.begin(
        app.platform, folder, **app.registration(manifest=None, source=None), claim=False
    )
    rows = b"".join(
        b'{"namespace":"jira/classic:issue","serverKey":"%d","cloudKey":"%d"}\n' % (n, n + 500)
        for n in range(10_000, 10_002)
    )
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    assert migration.admin.call("PUT", path, raw=rows).status == 200
    assert migration.claim() is not None
    yield migration
    app.call("POST", f"/progress/{migration.transfer_id}", {"status": "SUCCESS"})
    migration.advance()


def arrived(app: App, kind: str) -> list[dict[str, object]]:
    """The events of a kind that came to each of the app's two addresses."""
    found = [e for e in app.seen()["events"].values() if e["eventType"] == kind]
    both = {"/migration", "/hook?from=notification"}
    return [e for e in found if set(e["paths"]) == both]


def statuses(migration: FunctionMigration, message: str) -> list[int | None]:
    """How the attempts at delivering a message were answered."""
    view = migration.admin.ok("GET", f"/admin/v1/messages/{message}")
    return [attempt["status"] for attempt in view["attempts"]]


def test_a_migration(app: App, migration: FunctionMigration) -> None:
    """Each event came signed; the app read, translated, reported and settled."""
    transfer = migration.transfer_id
    migration.send("notes", NOTES)
    wait_until(lambda: arrived(app, "listener-triggered"))
    [event] = wait_until(lambda: arrived(app, "app-data-uploaded"))
    assert event["cloudAppKey"] == app.key
    assert event["transferId"] == transfer
    details = event["migrationDetails"]
    assert isinstance(details, dict)
    assert details["migrationId"] == migration.migration_id
    files = wait_until(lambda: app.seen()["files"])
    names = {"10000": "10500", "10001": "10501"}
    assert files == {event["s3Key"]: {"label": "notes", "sha256": DIGEST, "names": names}}
    wait_until(lambda: migration.view()["progress"] == 60)
    assert migration.view()["statusMessage"] == "2 notes"

    page = app.ok("GET", f"/mapping/{transfer}/page?namespace=jira%2Fclassic:issue&pageSize=1")
    assert (page["items"], page["meta"]["hasNext"]) == ({"10000": "10500"}, True)
    rest = f"&lastEntity={page['meta']['lastEntity']}"
    page = app.ok("GET", f"/mapping/{transfer}/page?namespace=jira%2Fclassic:issue{rest}")
    assert (page["items"], page["meta"]["hasNext"]) == ({"10001": "10501"}, False)
    listed = app.ok("GET", f"/data/{transfer}/all")
    assert listed == [{"s3Key": event["s3Key"], "label": "notes"}]
    spaces = app.ok("GET", f"/container/{transfer}/page?containerType=JiraProject&pageSize=5")
    assert [each["key"] for each in spaces["containers"]] == ["HAR"]
    [recent] = app.ok("GET", "/transfer/recent")
    assert (recent["transferId"], recent["status"]) == (transfer, "IN_PROGRESS")
    assert recent["migrationDetails"] == details
    assert app.call("GET", f"/error/{transfer}")[0] == 404
    app.ok("POST", f"/feedback/{transfer}", {"details": {"left": "nothing"}})
    with migration.gateway() as gateway:
        assert gateway.get_cloud_feedback_if_present() == {"left": "nothing"}

    migration.complete_export()
    app.ok("POST", f"/progress/{transfer}", {"status": "SUCCESS", "percent": 100})
    assert migration.status == "SUCCESS"
    wait_until(lambda: arrived(app, "transfer-settled"))
    assert app.call("POST", f"/progress/{transfer}", {"status": "FAILED"})[0] == 403
    assert app.seen()["refusals"] == []


def test_events_go_on_with_the_new_secret(app: App, migration: FunctionMigration) -> None:
    """What is sent once the app has its new secret is signed with that."""
    migration.send("one", NOTES)
    wait_until(lambda: arrived(app, "listener-triggered") and arrived(app, "app-data-uploaded"))
    app.install()
    migration.send("two", NOTES)
    wait_until(lambda: len(arrived(app, "app-data-uploaded")) == 2)
    wait_until(lambda: len(app.seen()["files"]) == 2)
    assert app.seen()["refusals"] == []


def test_an_event_on_its_way_while_the_secret_changes_is_sent_again(
    app: App, migration: FunctionMigration
) -> None:
    """It was signed with the secret before, so that an app may refuse it; nothing is lost."""
    wait_until(lambda: arrived(app, "listener-triggered"))
    app.control("answer", **{"/migration": "hold"})
    message = migration.send("one", NOTES)
    wait_until(lambda: app.seen()["held"])
    # The other address, which it was posted to at the same time, still knows the secret before.
    wait_until(lambda: message in app.seen()["events"])
    app.install()
    app.control("answer", **{"/migration": 200})
    app.control("resume")
    wait_until(lambda: 401 in statuses(migration, message))
    migration.advance(60)
    wait_until(lambda: arrived(app, "app-data-uploaded"))
    wait_until(lambda: app.seen()["files"])
    [refusal] = app.seen()["refusals"]
    assert refusal.startswith("/migration: InvalidSignatureError")


def test_nothing_is_sent_to_an_uninstalled_app(app: App, migration: FunctionMigration) -> None:
    """What it missed comes once it is installed again."""
    wait_until(lambda: arrived(app, "listener-triggered"))
    app.uninstall()
    before = len(app.seen()["events"])
    message = migration.send("late", NOTES)
    view = migration.admin.ok("GET", f"/admin/v1/messages/{message}")
    assert view["state"] == "PENDING"
    migration.advance(3600)
    assert len(app.seen()["events"]) == before
    chain = migration.admin.ok("GET", f"/admin/v1/messages/{message}/explain")
    assert "not installed" in str(chain)
    app.install()
    wait_until(lambda: [e for e in app.seen()["events"].values() if e.get("label") == "late"])


@pytest.mark.parametrize("claims", [{"exp": 1_000_000_000}, {"qsh": "0" * 64}, {"iss": "nobody"}])
def test_what_the_platform_refuses(app: App, claims: dict[str, object]) -> None:
    """An expired token, one for another request, one of nobody."""
    app.register()
    assert app.call("GET", "/webhook", **claims)[0] == 401
    assert app.call("GET", "/webhook", iss=app.key)[0] == 200

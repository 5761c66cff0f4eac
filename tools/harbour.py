"""The harbour: a platform with migrations as an admin meets them, for screenshots.

One settled well, one is stuck on an error in its app, one runs, one waits for its agent.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

_CODE = """\
from ferryman import Migration

USERS = {"ada": "557058:1", "ben": "557058:2"}


def account_of(name):
    return USERS[name]


def run(event, context):
    with Migration() as migration:
        if "label" not in event:
            return
        if event["label"] == "comments-2.ndjson":
            account_of("carol")
        if event["label"] != "pages-3.ndjson":
            migration.message_processed(event["transferId"], event["messageId"])
"""

_EVENTS = [f"avi:ecosystem.migration:{name}" for name in ("uploaded:app_data", "settled:transfer")]


@dataclass(frozen=True, slots=True)
class Harbour:
    """The transfers to look at."""

    settled: FunctionMigration
    failing: FunctionMigration
    running: FunctionMigration

    def pages(self) -> dict[str, str]:
        """Return the pages of screenshots by their names, from the console's root."""
        failed = self.failing.timeline("attempt.failed")[-1]["seq"]
        own = f"transfers/{self.failing.transfer_id}"
        return {
            "overview": "",
            "migrations": "migrations",
            "transfer": own,
            "attempt": f"{own}?entry={failed}",
            "explain": f"{own}/explain",
            "messages": "messages",
        }


def build(platform: PlatformProcess, folder: Path) -> Harbour:
    """Carry out the migrations; the platform's clock is virtual."""
    settled = _begin(platform, folder / "diagrams", "diagrams", "Harbour: all spaces")
    for number in range(1, 7):
        settled.upload(f"diagrams-{number}.ndjson", b"x" * 40_000 * number)
        settled.advance(9)
    settled.complete_export()
    _until(settled, "SUCCESS")
    failing = _begin(platform, folder / "boards", "boards", "Shipyard, wave 2")
    for kind in ("pages", "comments"):
        for number in range(1, 4):
            failing.upload(f"{kind}-{number}.ndjson", b"x" * 70_000 * number)
            failing.advance(14)
    failing.complete_export()
    failing.advance(500)  # more than half of its window
    wait_until(lambda: failing.timeline("message.undelivered"))
    running = _begin(platform, folder / "forms", "forms", "Lighthouse archive")
    for number in range(1, 3):
        running.upload(f"forms-{number}.ndjson", b"x" * 90_000)
        running.advance(5)
    _begin(platform, folder / "polls", "polls", "Ferry terminal", claim=False)
    return Harbour(settled, failing, running)


def _begin(
    platform: PlatformProcess, folder: Path, name: str, title: str, *, claim: bool = True
) -> FunctionMigration:
    site = title.partition(" ")[0].strip(":,").lower()
    folder.mkdir()
    (folder / "index.py").write_text(_CODE)
    migration = FunctionMigration.register_app(
        platform,
        manifest=_manifest(),
        source=str(folder),
        cloudAppKey=f"com.tidewater.{name}",
        serverAppKey=f"com.tidewater.{name}-server",
        environment="production",
    )
    migration.create(name=title, cloudUrl=f"https://{site}.example", sourceId=f"{site}-wiki")
    migration.start()
    if claim:
        migration.claim()
    return migration


def _until(migration: FunctionMigration, status: str) -> None:
    migration.advance(1)
    wait_until(lambda: migration.status == status)


def _manifest() -> dict[str, object]:
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "modules": {
            "function": [{"key": "import", "handler": "index.run"}],
            "trigger": [{"key": "uploaded", "function": "import", "events": _EVENTS}],
        },
    }

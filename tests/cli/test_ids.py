"""Short ids, and the lists that show them."""

from pathlib import Path

import pytest

from ferryman.cli.ids import LAST, chosen, short_id, shown_ids
from ferryman.cli.transfer.group import HEADS
from ferryman.errors import ConfigError
from ferryman.ids import derived_id_with_prefix, new_id
from ferryman.vocab import IdKind
from ferryman.wire.transfer import FoundId
from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

TRANSFER = "51f6285d-5217-4f42-adc4-2c29c0c00a63"
MESSAGE = "51f6285d-5217-510c-a1c6-28482f97844e"


@pytest.mark.parametrize(
    ("whole", "short"),
    [
        (TRANSFER, "51f6285d"),
        (MESSAGE, "51f6285d..97844e"),
        ("", ""),
        (None, ""),
        ("not-an-id", "not-an-id"),
    ],
)
def test_short_forms(whole: str | None, short: str) -> None:
    assert short_id(whole) == short
    assert shown_ids(terminal=True)(whole) == short
    for ids in (shown_ids(terminal=False), shown_ids(full=True, terminal=True)):
        assert ids(whole) == (whole or "")


def test_the_messages_of_a_transfer_are_told_apart() -> None:
    transfer = new_id()
    messages = {short_id(str(derived_id_with_prefix(transfer, str(n)))) for n in range(100)}
    assert len(messages) == 100


def test_what_was_found_is_chosen_or_refused() -> None:
    found = [FoundId(id=TRANSFER, name="notes"), FoundId(id=MESSAGE, name="a\x1bb")]
    assert chosen(IdKind.TRANSFER, "51f6", found[:1], more=False) == TRANSFER
    with pytest.raises(ConfigError) as unknown:
        chosen(IdKind.TRANSFER, "51f6", [], more=False)
    assert unknown.value.code == "id_unknown"
    with pytest.raises(ConfigError, match="no message yet"):
        chosen(IdKind.MESSAGE, LAST, [], more=False)
    for items in (found, found * 3):
        with pytest.raises(ConfigError) as ambiguous:
            chosen(IdKind.MESSAGE, "51f6", items, more=len(items) > 2)
        assert ambiguous.value.code == "id_ambiguous"
        assert all(each in ambiguous.value.found for each in (TRANSFER, MESSAGE, "notes"))
        assert "\x1b" not in ambiguous.value.found


def test_every_command_takes_short_ids(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    """Each answers a short id, and a beginning, as it answers the whole one."""
    message = migration.send("wiki")
    migration.advance(0)  # nothing is under way any more: answers stay as they are
    commands = [
        ("transfer", "show", migration.transfer_id),
        ("transfer", "timeline", migration.transfer_id),
        ("transfer", "messages", migration.transfer_id),
        ("transfer", "explain", migration.transfer_id),
        ("transfer", "list", "--migration", migration.migration_id),
        ("migration", "show", migration.migration_id),
        ("migration", "start", migration.migration_id),
        ("mapping", "missing", migration.transfer_id),
        ("message", "show", message),
        ("message", "explain", message),
        ("message", "list", "--undelivered", "--transfer", migration.transfer_id),
        ("message", "list", "--undelivered", "--app", migration.tokens["appId"]),
        ("app", "show", migration.tokens["appId"]),
        ("data", "verify", migration.transfer_id),
    ]
    for *words, whole in commands:
        answer = ferryman.ok(*words, whole)
        assert ferryman.ok(*words, short_id(whole)) == answer, words
    manifest = ("transfer", "manifest", migration.transfer_id[:8], "-o", str(tmp_path / "m.json"))
    assert ferryman.json(*manifest)["transferId"] == migration.transfer_id


def test_the_last_of_each_kind(ferryman: Command, migration: FunctionMigration) -> None:
    message = migration.send("wiki")
    assert ferryman.json("transfer", "show", "@last")["transferId"] == migration.transfer_id
    assert ferryman.json("migration", "show", "@last")["migrationId"] == migration.migration_id
    assert ferryman.json("message", "show", "@last")["messageId"] == message
    assert ferryman.json("app", "show", "@last")["appId"] == migration.tokens["appId"]
    [listed] = ferryman.json("transfer", "list", "--app", "@last", "--status", "in_progress")[
        "items"
    ]
    assert listed["transferId"] == migration.transfer_id


def test_an_id_of_another_kind_or_of_several(
    ferryman: Command, migration: FunctionMigration
) -> None:
    """Nothing of another kind is matched; what may be several is refused with their names."""
    migration.send("wiki")
    assert "matches no message" in ferryman.refused("id_unknown", "message", "show", "ffffffff0000")
    ferryman.refused("id_unknown", "message", "show", migration.migration_id[:13])
    said = ferryman.refused("id_ambiguous", "message", "show", migration.transfer_id[:8])
    assert "uploaded:app_data wiki" in said
    assert "triggered:listener" in said


def test_a_list_of_transfers(
    ferryman: Command, platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Whole ids where there is no terminal; filtered, in pages, and as JSON."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    other = migration.another()
    own = ("--app", migration.registration["cloudAppKey"])
    said = ferryman.ok("transfer", "list", *own)
    head, first, second = said.splitlines()
    assert tuple(head.split()) == HEADS
    assert first.startswith(f"{other.transfer_id}  READY ")
    assert second.startswith(f"{migration.transfer_id}  IN_PROGRESS ")
    page = ferryman.json("transfer", "list", *own, "--limit", "1")
    rest = ferryman.json("transfer", "list", *own, "--cursor", page["nextCursor"])
    found = [item["transferId"] for item in (*page["items"], *rest["items"])]
    assert found == [other.transfer_id, migration.transfer_id]
    assert ferryman.ok("transfer", "list", *own, "--status", "failed") == "None.\n"
    assert ferryman.ok("transfer", "list", *own, "--since", "0s", "--until", "0s") == "None.\n"
    ferryman.refused("app_not_found (404)", "transfer", "list", "--app", "nobody")


def test_the_version(ferryman: Command) -> None:
    assert ferryman.ok("--version") == ferryman.ok("-V")
    assert ferryman.ok("-V").split()[0] == "ferryman"

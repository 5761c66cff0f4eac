"""``ferryman state``."""

import json
from pathlib import Path
from typing import Any

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration

SITE = "https://harbour.example"


def test_state_is_loaded_shown_and_reset(
    ferryman: Command, migration: FunctionMigration, tmp_path: Path
) -> None:
    app = migration.registration["cloudAppKey"]
    file = tmp_path / "state.ndjson"
    entries: list[dict[str, Any]] = [
        {"key": f"k{number:04}", "value": {"n": number}} for number in range(1_001)
    ]
    entries.append({"key": "token", "value": "swordfish", "secret": True})
    file.write_text("".join(json.dumps(each) + "\n" for each in entries))
    assert "state_file_invalid" in ferryman("state", "load", app, str(file)).stderr
    assert "1002 values stored" in ferryman.ok("state", "load", app, str(file), "--site", SITE)
    shown = ferryman.json("state", "show", app, "--all")
    assert [(each["key"], each["value"]) for each in shown["items"][:-1]] == [
        (each["key"], each["value"]) for each in entries[:-1]
    ]
    assert (shown["items"][-1]["secret"], shown["items"][-1]["value"]) == (True, None)
    text = ferryman.ok("state", "show", app, "--prefix", "k100")
    assert [line.split()[1] for line in text.splitlines()[1:]] == ["k1000"]
    assert "swordfish" not in ferryman.ok("state", "show", app, "--all")
    # What was shown can be loaded again, but for secrets.
    file.write_text(json.dumps(shown))
    assert "1002 values deleted" in ferryman.ok("state", "reset", app, "--yes")
    assert ferryman.json("state", "load", app, str(file))["stored"] == 1_001
    assert "None." in ferryman.ok("state", "show", app, "--site", "https://other.example")
    assert ferryman.json("state", "reset", app, "--yes", "--site", SITE) == {
        "removed": 1_001,
        "databases": 0,
        "objects": 0,
    }

"""``ferryman migration check`` calls a listener and sends nothing."""

import json
from pathlib import Path

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

LISTENER = """\
from pathlib import Path

def listener(gateway, details):
    found = gateway.get_mapping_by_id("jira:issue", ["1", "2", "3"])
    with gateway.create_app_data("wiki", resume_key="wiki") as data:
        data.write(f"harbour {found}".encode())
    with gateway.create_app_data("left out") as data:
        data.write(b"x")
        data.abandon()
    gateway.upload_many([("one", b"123"), ("two", Path(__file__))])
    gateway.complete_export()

def careless(gateway, details):
    gateway.create_app_data("never closed").write(b"1")
    gateway.complete_export()

def labels(gateway, details):
    gateway.upload_many([("a" * 1024, b"1"), ("a" * 1025, b"2")])

def stores(gateway, details):
    gateway.create_app_data("secret\\0")

def leaves(gateway, details):
    print("a line of its own")
    raise SystemExit(0)

def broken(gateway, details):
    with gateway.create_app_data("half") as data:
        data.write(b"1")
        raise RuntimeError("a secret of the customer")
"""


def test_a_listener_is_rehearsed(
    ferryman: Command, platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    """Nothing of it is seen by the platform: no file, no event, no claim."""
    (tmp_path / "rehearsed.py").write_text(LISTENER)
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    plan = migration.migration_id
    token = migration.tokens["serverToken"]
    agent = ferryman.given(PYTHONPATH=str(tmp_path), FERRYMAN_SERVER_TOKEN=token)
    migration.load(("jira:issue", "1", "10"), ("jira:issue", "2", "20"))

    def checked(listener: str) -> dict[str, object]:
        done = agent("migration", "check", plan, "--listener", f"rehearsed:{listener}", "--json")
        document = json.loads(done.stdout)
        assert done.returncode == (0 if document["ok"] else 1)
        [transfer] = document["transfers"]
        [rehearsal] = transfer["rehearsals"]
        return dict(rehearsal)

    found = checked("listener")
    assert found.pop("bytes") == len(b"harbour {'1': '10', '2': '20'}") + 3 + len(LISTENER)
    assert found == {
        "transferName": None,
        "files": 3,
        "largestBytes": len(LISTENER),
        "keysLookedUp": 3,
        "exportCompleted": True,
        "missing": [{"namespace": "jira:issue", "count": 1, "sample": ["3"]}],
        "error": None,
    }
    careless = str(checked("careless")["error"])
    assert careless.endswith("ClientError at rehearsed.py:15") or "rehearsed" in careless
    assert str(checked("leaves")["error"]).startswith("SystemExit at ")
    assert "ClientError label_too_long at " in str(checked("labels")["error"])
    assert "ClientError label_invalid at " in str(checked("stores")["error"])
    broken = str(checked("broken")["error"])
    assert broken.startswith("RuntimeError at ")
    assert "secret" not in broken

    text = agent("migration", "check", plan, "--listener", "rehearsed:listener")
    assert "3 files" in text.stdout
    assert "x jira:issue: 1 key without a mapping, such as 3" in text.stdout
    view = migration.view()
    assert (view["status"], view["files"], view["messages"]) == ("READY", 0, 0)

"""Whole transfers by listeners in Java."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

from ferryman.functions.source import load_manifest
from tests.functions.packages import example
from tests.java.conftest import StartAgent
from tests.kit.function_app import FunctionMigration
from tests.kit.java import ROOT, JavaAgent, classpath, compile_listeners
from tests.kit.platform import PlatformProcess, wait_until

EXAMPLES = ROOT / "examples"


def test_files_and_mappings_reach_the_cloud_app(
    platform_process: PlatformProcess, app_folder: Path, start: StartAgent, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder, claim=False)
    migration.load(*(("jira:issue", str(n), f"c{n}") for n in range(12)))
    with start(migration, "Exporter", "--once") as agent:
        agent.ends()
    assert f"ferryman-java/{version('ferryman')}" in platform_process.log.read_text()
    assert (tmp_path / "marks").read_text().splitlines() == ["3 pages of 12", "{3=c3}"]
    written = {
        each["data"]["key"]: each["data"] for each in migration.timeline("app_data.uploaded")
    }
    with migration.client() as client:
        read = {key: client.get_app_data_payload(key).content() for key in written}
        ids = migration.view()["unacknowledgedMessageIds"]
        for message_id in ids:
            client.message_processed(migration.transfer_id, message_id)
    assert len(ids) == 3
    # Small files are registered in the background, in any order.
    assert {each["label"] for each in written.values()} == {"large", "small", None}
    assert {len(data) for data in read.values()} == {20 * 1_000_003, 7, 0}
    assert all(sha256(read[key]).hexdigest() == each["sha256"] for key, each in written.items())
    wait_until(lambda: migration.status == "SUCCESS")


@pytest.mark.usefixtures("javascript")
def test_the_example_plugin_migrates_to_a_javascript_app(
    platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    """ServiceLoader finds it, compiled against the jar alone; the cloud app is forge-js."""
    plugin = classpath(compile_listeners(EXAMPLES / "java" / "src"))
    app = example("forge-js", tmp_path)
    migration = FunctionMigration.begin(
        platform_process, app_folder, claim=False, source=str(app), manifest=load_manifest(app)
    )
    migration.load(
        *(("jira:issue", str(number), f"1{number}") for number in range(3_000)),
        ("identity:user", "jira.userkey/ann", "account-ann"),
    )
    notes = [f"{n}\t{'HAR' if n % 2 else 'SEA'}\t{n}\tann\tNote {n}" for n in range(4_000)]
    (tmp_path / "notes.tsv").write_text("\n".join(notes))
    with JavaAgent(
        migration, plugin, tmp_path, "--once", jvm=(f"-Dnotes.home={tmp_path}",)
    ) as agent:
        agent.ends()
    wait_until(lambda: migration.status == "SUCCESS")
    kept = migration.values()
    assert len(kept) == 1_501
    assert kept["setting:colour"] == "yellow"
    assert kept["note:7"] == {"issue": "17", "author": "account-ann", "text": "Note 7"}

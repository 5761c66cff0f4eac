"""``ferryman migration forecast`` says how long it takes, or what it needs to know."""

import json
from pathlib import Path

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

FILES = 30
LISTENER = """\
def listener(gateway, details):
    gateway.upload_many([(f"file {n}", b"harbour") for n in range(500)])
    gateway.complete_export()


def failing(gateway, details):
    gateway.upload_many([("file", b"harbour")])
    raise ValueError("a secret")
"""


def test_a_small_run_says_how_long_a_large_one_takes(
    ferryman: Command, platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "forecast_listener.py").write_text(LISTENER)
    small = FunctionMigration.begin(platform_process, app_folder)
    agent = ferryman.given(
        PYTHONPATH=str(tmp_path), FERRYMAN_SERVER_TOKEN=small.tokens["serverToken"]
    )
    refused = agent("migration", "forecast", small.migration_id, "--files", "9", "--bytes", "9")
    assert refused.returncode == 1
    assert "20 acknowledged files" in refused.stderr
    with small.gateway() as gateway:
        # Three batches at least: files of a single one would have come at the same moment.
        for tens in range(0, FILES, 10):
            gateway.upload_many([(f"file {n}", b"harbour") for n in range(tens, tens + 10)])
        gateway.complete_export()
    small.settle()

    large = small.another()
    words = ("migration", "forecast", large.migration_id)
    found = agent(*words, "--listener", "forecast_listener:listener", "--json")
    assert found.returncode == 0, found.stderr
    [transfer] = json.loads(found.stdout)["transfers"]
    assert transfer["sample"] == small.transfer_id
    assert (transfer["sampledFiles"], transfer["files"], transfer["bytes"]) == (FILES, 500, 3500)
    assert transfer["risks"] == []
    assert transfer["total"]["least"] <= transfer["total"]["likely"] <= transfer["total"]["most"]
    failed = agent(*words, "--listener", "forecast_listener:failing")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "the listener failed: ValueError at forecast_listener.py" in failed.stderr
    text = agent(*words).stdout
    assert f"{FILES} files, 210 bytes: " in text
    assert f"from {FILES} files of {small.transfer_id[:8]}" in text
    other = FunctionMigration.begin(platform_process, app_folder, claim=False)
    apps = [small.registration["cloudAppKey"], other.registration["cloudAppKey"]]
    both = other.admin.ok("POST", "/admin/v1/migrations", {**other.plan, "apps": apps})
    partly = agent("migration", "forecast", both["migrationId"], "--json")
    assert partly.returncode == 0, partly.stderr
    document = json.loads(partly.stdout)
    assert [each["files"] for each in document["transfers"]] == [FILES]
    [without] = document["withoutBasis"]
    of_app = {each["cloudAppKey"]: each["transferId"] for each in both["transfers"]}
    assert without["transferId"] == of_app[other.registration["cloudAppKey"]]
    assert without["code"] == "forecast_sample_missing"
    told = agent("migration", "forecast", both["migrationId"]).stdout
    assert "no basis for a forecast: expected a sample" in told
    risky = agent(*words, "--files", "9000000000", "--bytes", "0")
    assert risky.returncode == 1
    assert "! the transfer may reach the end of its life first" in risky.stdout

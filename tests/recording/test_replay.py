"""``ferryman record`` and ``ferryman replay``: the same again, elsewhere, with other code."""

import json
import re
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from tests.functions.packages import link_packages
from tests.kit.digests import parts_sha256
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess
from tests.kit.sql import MODULE, SqlApp
from tests.recording.conftest import BINARY, Recorded

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

JAVASCRIPT = """\
import { migration } from '@forge/migrations';

export async function run(event) {
  if (!event.eventType.includes('uploaded')) return;
  const payload = await migration.getAppDataPayload(event.key);
  const { length } = await payload.text();
  await migration.addLog(event.transferId, `took ${event.label} of ${length} characters`);
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""
KEEPING = ("@forge/kvs@1.6.5", "@forge/object-store@3.0.0", "@forge/sql@4.0.8")
KEEPS = """\
import { createHash } from 'node:crypto';
import { migration } from '@forge/migrations';
import { kvs } from '@forge/kvs';
import objectStore from '@forge/object-store';
import { sql } from '@forge/sql';

const NOTES = `CREATE TABLE IF NOT EXISTS notes (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, label VARCHAR(99) UNIQUE, times INT,
  at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)`;
const times = 1;

export async function run(event) {
  if (!event.eventType.includes('uploaded')) return;
  await kvs.set(event.label, { times });
  await sql.executeDDL(NOTES);
  await sql.prepare('REPLACE INTO notes (label, times) VALUES (?, ?)')
    .bindParams(event.label, times).execute();
  const body = Buffer.from('the same');
  const checksum = createHash('sha1').update(body).digest('base64');
  const upload = { key: event.label, length: body.length, checksum, checksumType: 'SHA1' };
  const { url } = await objectStore.createUploadUrl(upload);
  await fetch(url, { method: 'PUT', body });
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""
CHANGED = JAVASCRIPT.replace(
    "  await migration.addLog",
    "  if (event.label === 'notes') {\n"
    "    return migration.messageFailed(event.transferId, event.messageId);\n"
    "  }\n"
    "  await migration.addLog",
)


def test_the_same_code_sees_the_same_bytes_and_does_the_same(
    recorded: Recorded, tmp_path: Path
) -> None:
    """On a second platform with a folder of its own."""
    again = recorded.app(tmp_path / "My App")
    done = recorded.ferryman("replay", str(recorded.file), "--app", str(again), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["same"]
    assert report["callsCompared"]
    assert recorded.seen(again) == recorded.seen()
    digests = [json.loads(line).get("sha256") for line in recorded.seen(again)]
    assert sha256(BINARY).hexdigest() in digests
    assert len(recorded.seen()) == 9  # five files, one of them twice, and three other events
    assert (report["filled"], report["unsureMappings"]) == ([], 0)


@pytest.mark.usefixtures("javascript")
def test_other_code_is_told_from_it(
    running_platform: PlatformProcess, recorded: Recorded, tmp_path: Path
) -> None:
    """Acknowledgements, calls and status, by a status of its own; of an app in JavaScript."""
    folder, file = tmp_path / "app", tmp_path / "run.ferry"
    migration = FunctionMigration.begin(running_platform, folder, code=JAVASCRIPT, file="index.js")
    migration.send("notes", "Ebb und Flut — Gezeiten".encode())
    migration.send("others")
    migration.complete_export()
    migration.advance(0)
    assert migration.status == "SUCCESS", migration.timeline()
    recorded.ferryman.ok("record", migration.transfer_id, "-o", str(file))
    (folder / "manifest.yml").write_text(json.dumps(function_manifest()))
    (folder / "index.js").write_text(CHANGED)
    done = recorded.ferryman("replay", str(file), "--app", str(folder), "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["status"] == {"recorded": "SUCCESS", "replayed": "INCOMPLETE"}
    [told] = report["messages"]
    assert (told["label"], told["recordedAcknowledgement"], told["replayedAcknowledgement"]) == (
        *("notes", "SUCCESS", "FAILED"),
    )
    paths = {call["path"].split("/")[5] for call in report["calls"]}
    assert paths == {"log", "message"}
    [settled] = report["events"]
    assert "settled:transfer" in settled["eventType"]
    assert json.loads(settled["replayed"])["transferStatus"] == "INCOMPLETE"


@pytest.mark.usefixtures("javascript")
def test_what_an_app_keeps_is_compared(
    running_platform: PlatformProcess, recorded: Recorded, tmp_path: Path
) -> None:
    """Values, rows and objects, as the packages from npm write them; ids and times may differ."""
    SqlApp.begin(running_platform, tmp_path / "python").rows("SELECT 1")  # so that MariaDB runs
    manifest = function_manifest()
    store = {"objectStore": [{"key": "store", "storageClass": "standard"}], "sql": MODULE}
    manifest["modules"].update(store)
    folder, file = tmp_path / "app", tmp_path / "run.ferry"
    link_packages(folder, KEEPING)
    migration = FunctionMigration.begin(
        running_platform, folder, code=KEEPS, file="index.js", manifest=manifest
    )
    migration.send("notes")
    migration.complete_export()
    for _ in range(6):  # on a slow machine the first attempts may be cut off
        migration.advance(minutes=1)
        if migration.status != "IN_PROGRESS":
            break
    assert migration.status == "SUCCESS", migration.timeline()
    said = recorded.ferryman.json("record", migration.transfer_id, "-o", str(file))
    assert said["state"] == 4  # a value, a table, its row, an object
    with zipfile.ZipFile(file) as archive:
        assert len(archive.read("state.ndjson").splitlines()) == 4
    (folder / "manifest.yml").write_text(json.dumps(manifest))
    (folder / "index.js").write_text(KEEPS.replace("const times = 1", "const times = 2"))
    before = {"site": "x", "key": "earlier", "value": 1}
    (tmp_path / "before.ndjson").write_text(json.dumps(before) + "\n")
    patient = {**recorded.ferryman.env, "FERRYMAN_FUNCTION_SECONDS": "120"}
    done = replace(recorded.ferryman, env=patient)(
        *("replay", str(file), "--app", str(folder), "--json"),
        *("--load-state", str(tmp_path / "before.ndjson")),
    )
    assert done.returncode == 3, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["stateCompared"], report["earlierState"]) == (True, 0)
    found = {each["line"]: (each["recorded"], each["replayed"]) for each in report["state"]}
    row = '{"row": {"label": "notes", "times": %d}, "table": "notes"}'
    assert found == {
        '["notes", false, {"times": 1}]': (1, 0),
        '["notes", false, {"times": 2}]': (0, 1),
        '["earlier", false, 1]': (0, 1),
        row % 1: (1, 0),
        row % 2: (0, 1),
    }


def test_no_secret_and_no_token_is_in_a_recording(recorded: Recorded) -> None:
    """Not in what a function printed either, nor a URL that opens a file."""
    tokens = recorded.migration.tokens
    operator = recorded.migration.admin._token
    with zipfile.ZipFile(recorded.file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"my token is [secret]" in whole
    for secret in (tokens["serverToken"], tokens["cloudToken"], operator):
        assert secret is not None
        assert secret.encode() not in whole
    assert not re.search(rb"eyJ[\w-]+\.[\w-]+\.", whole)
    assert not re.search(rb"[?&](signature|expires|X-Amz)", whole)
    assert b"/objects/" in whole


def test_what_is_redacted_is_not_there(recorded: Recorded, tmp_path: Path) -> None:
    """Sizes and digests stay; the same text has the same stand-in."""
    file = tmp_path / "redacted.ferry"
    kinds = [part for kind in ("payloads", "labels", "mappings") for part in ("--redact", kind)]
    recorded.ferryman.ok("record", recorded.migration.transfer_id, "-o", str(file), *kinds)
    with zipfile.ZipFile(file) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert not any(name.startswith("payloads/") for name in texts)
    whole = b"".join(texts.values())
    for gone in (
        b"notes",
        b"shaky",
        b"712020:ann",
        b"my token",
        b"Ebb",
        b"the first time",
        b"row 4711",
    ):
        assert gone not in whole
    lines = [json.loads(line) for line in texts["files.ndjson"].splitlines()]
    assert {line["partsSha256"] for line in lines} >= {parts_sha256(BINARY, 8 << 20)}
    assert len(BINARY) in {line["size"] for line in lines}
    labels = {line["label"] for line in lines if line["label"]}
    assert len(labels) == 4
    events = [
        json.loads(json.loads(line)["body"]) for line in texts["messages.ndjson"].splitlines()
    ]
    assert {event["label"] for event in events if "label" in event} == labels
    bundle = json.loads(texts["bundle.json"])
    assert bundle["redacted"] == ["labels", "mappings", "payloads"]
    changed = {each["name"] for each in bundle["members"] if each["redacted"]}
    assert changed >= {"files.ndjson", "mappings.ndjson", "messages.ndjson", "calls.ndjson"}


def test_what_cannot_be_recorded_or_replayed(recorded: Recorded, tmp_path: Path) -> None:
    """Nothing is written, and nothing is begun on a platform that has something."""
    ferryman = recorded.ferryman
    ferryman.refused("transfer_not_found", "record", str(uuid4()), "-o", str(tmp_path / "x"))
    ferryman.refused("output_exists", "record", "x", "-o", str(recorded.file))
    assert list(tmp_path.iterdir()) == []
    url = ("--url", ferryman.env["FERRYMAN_URL"])
    data = ("--data-dir", ferryman.env["FERRYMAN_DATA_DIR"], "--app", str(recorded.folder))
    before = recorded.migration.admin.ok("GET", "/admin/v1/clock")["now"]
    ferryman.refused("platform_not_empty", "replay", str(recorded.file), *url, *data)
    assert recorded.migration.admin.ok("GET", "/admin/v1/clock")["now"] >= before
    ferryman.refused(
        "app_not_found", "replay", str(recorded.file), *url, *data[:2], "--app", str(tmp_path)
    )
    ferryman.refused("recording_unreadable", "replay", str(recorded.folder / "index.py"))

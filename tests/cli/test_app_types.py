"""``ferryman app types``: what a TypeScript app is given says what the stand-in has and sends."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ferryman.cli.app import build
from ferryman.cli.apps.types import NAME
from ferryman.functions import toolchain
from ferryman.vocab import EventType, TransferStatus
from ferryman.wire.message import ForgeEvent, TransferError
from ferryman.wire.migration import MigrationDetails
from tests.docs.pages import ROOT

APP = build(["app"])
DECLARED = (toolchain.HERE / "migrations.d.ts").read_text()
EXPORTS = """\
import * as module from '%s';
console.log(JSON.stringify({
  module: Object.keys(module).sort(),
  migration: Object.keys(module.migration).sort(),
  standard: Object.keys(module.default).sort(),
  query: ['limit', 'cursor', 'getOne', 'getMany'].filter(
    (name) => typeof module.migration.getMappings('t', 'n')[name] === 'function'),
  error: new module.MigrationAPIError('m', 409),
}));
"""


def members(name: str) -> set[str]:
    """The members of an interface, by their names; nested ones are not among them."""
    [body] = re.findall(rf"interface {name}\b[^{{]*\{{\n(.*?)\n  \}}", DECLARED, re.DOTALL)
    return set(re.findall(r"^    (\w+)\??[:(]", body, re.MULTILINE))


@pytest.mark.usefixtures("javascript")
def test_the_types_have_what_the_stand_in_has(tmp_path: Path) -> None:
    (tmp_path / "exports.mjs").write_text(EXPORTS % (toolchain.HERE / "migrations.mjs"))
    done = subprocess.run(
        [str(toolchain.node()), str(tmp_path / "exports.mjs")],
        capture_output=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert set(found["migration"]) == members("Migration")
    assert set(found["query"]) == members("DefaultQueryBuilder")
    assert found["module"] == ["MigrationAPIError", "default", "migration"]
    assert set(found["standard"]) == members("Migration") | {"migration", "MigrationAPIError"}
    assert found["error"]["status"] == 409
    for name in ("const migration:", "class MigrationAPIError", "default _default"):
        assert f"export {name}" in DECLARED


def test_the_types_have_what_events_have() -> None:
    def fields(form: type[msgspec.Struct]) -> set[str]:
        return {field.encode_name for field in msgspec.structs.fields(form)}

    own = {
        EventType.TRIGGERED: ("ListenerTriggered", set()),
        EventType.UPLOADED: ("AppDataUploaded", {"key", "label"}),
        EventType.CANCELLATION: ("CancellationRequested", set()),
        EventType.ERRORED: ("ListenerErrored", {"transferError"}),
        EventType.EXPORTED: ("ExportCompleted", set()),
        EventType.SETTLED: ("TransferSettled", {"transferStatus"}),
    }
    assert set(own) == set(EventType)
    for event, (name, more) in own.items():
        assert f"interface {name} extends CommonEvent" in DECLARED
        assert f"eventType: '{event}'" in DECLARED
        assert members(name) == {"eventType", *more}
    seen = set().union(*(more for _, more in own.values()))
    assert members("CommonEvent") | seen | {"eventType"} == fields(ForgeEvent)
    assert members("MigrationDetails") == fields(MigrationDetails)
    assert all(f"{name}: string" in DECLARED for name in fields(TransferError))
    [union] = re.findall(r"type TransferStatus =(.*?);", DECLARED, re.DOTALL)
    assert set(re.findall(r"'(\w+)'", union)) == {each for each in TransferStatus if each.final}


def test_they_are_written_into_an_app_and_renewed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / NAME
    done = CliRunner().invoke(APP, ["app", "types", str(tmp_path), "--json"])
    assert json.loads(done.stdout) == {"file": str(file)}
    assert file.read_text() == DECLARED
    file.write_text(DECLARED.splitlines()[0] + "\n// of an older version\n")
    assert CliRunner().invoke(APP, ["app", "types", str(tmp_path)]).exit_code == 0
    assert file.read_text() == DECLARED


def test_a_file_of_the_users_own_stays(tmp_path: Path) -> None:
    file = tmp_path / NAME
    for text in (b"declare module 'mine';\n", b"\xff"):
        file.write_bytes(text)
        done = CliRunner().invoke(APP, ["app", "types", str(tmp_path), "--json"])
        assert done.exit_code != 0
        assert file.read_bytes() == text
    done = CliRunner().invoke(APP, ["app", "types", str(tmp_path / "none")])
    assert done.exit_code != 0


@pytest.mark.skipif(shutil.which("tsc") is None, reason="there is no tsc on the PATH")
def test_an_app_compiles_with_them(tmp_path: Path) -> None:
    """As the example does that has no other package, with the types of Node.js left out."""
    source = tmp_path / "src"
    source.mkdir()
    shutil.copy(ROOT / "examples" / "forge-ts" / "src" / "ids.ts", source)
    (source / "index.ts").write_text(
        "import type { MigrationEvent } from '@ferryman/events';\n"
        "import { migration } from '@forge/migrations';\n"
        "export const run = async (event: MigrationEvent): Promise<void> => {\n"
        "  if (event.eventType === 'avi:ecosystem.migration:uploaded:app_data') {\n"
        "    const response = await migration.getAppDataPayload(event.key);\n"
        "    await migration.addLog(event.transferId, await response.text());\n"
        "  }\n"
        "};\n"
    )
    assert CliRunner().invoke(APP, ["app", "types", str(tmp_path)]).exit_code == 0
    command = ["tsc", "--noEmit", "--strict", "--target", "ES2022", "--lib", "ES2022"]
    command += ["--moduleResolution", "node", "--module", "commonjs", "--ignoreDeprecations", "5.0"]
    done = subprocess.run(
        [*command, *map(str, source.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout

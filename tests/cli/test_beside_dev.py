"""A server-app developer beside `ferryman dev`: no address, no token, one's own listener."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_dev import Dev, app
from tests.kit import forked
from tests.kit.command import Command, command

LISTENER = """\
import json

from ferryman import TransferDefinition

class Good:
    def on_start_app_migration(self, gateway, details):
        print("exporting", details.name)
        for label in ("notes", "silent") if "silent" in details.name else ("notes",):
            with gateway.create_app_data(label) as data:
                data.write(b"{}\\n")
        gateway.complete_export()

class Broken:
    def on_start_app_migration(self, gateway, details):
        json.loads("{the board")

class Text:
    def on_start_app_migration(self, gateway, details):
        with gateway.create_app_data("notes") as data:
            data.write("text")

class Split(Good):
    def get_transfer_definitions(self):
        return [
            TransferDefinition("goods"),
            TransferDefinition("orders", depends_on=["goods"]),
            TransferDefinition("statistics", blocking=False),
        ]

class Half(Split):
    def on_start_app_migration(self, gateway, details):
        if gateway.transfer_name == "goods":
            raise KeyError("no goods")
        super().on_start_app_migration(gateway, details)

class Other:
    def get_server_app_key(self):
        return "org.example.other"

    def on_start_app_migration(self, gateway, details):
        pass
"""
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    running = Dev.begin(app(tmp_path_factory.mktemp("dev") / "Sticky Notes"))
    (running.folder / "exporter.py").write_text(LISTENER)
    running.says("changed: exporter.py")
    yield running
    running.end()


def beside(dev: Dev, *arguments: str, within: str = "") -> subprocess.CompletedProcess[str]:
    """A command in the app's folder, with no variable of ours."""
    known: Command = command("", dev.folder)
    env = {k: v for k, v in known.env.items() if not k.startswith("FERRYMAN_")}
    return forked.run(
        [*known.words, *arguments],
        cwd=dev.folder / within,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_listener_of_ones_own_migrates(dev: Dev) -> None:
    """What it prints is no part of the JSON."""
    rows = dev.folder.parent / "m.csv"
    rows.write_text("namespace,serverKey,cloudKey\nidentity:user,ann,712020:ann\n")
    given = ("--listener", "exporter:Good", "--mappings", str(rows))
    done = beside(dev, "migrate", *given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exporting A try" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("SUCCESS  ")
    done = beside(dev, "migrate", *given, "--name", "quiet", "--quiet")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["SUCCESS"], done.stdout
    done = beside(dev, "migrate", *given, "--settle", "--name", "silent", "--json")
    assert done.returncode == 1, done.stderr
    view = json.loads(done.stdout)
    assert (view["status"], view["files"], view["acknowledged"]) == ("TIMED_OUT", 2, 1)


@pytest.mark.parametrize(
    ("name", "ends"),
    [("Split", ["SUCCESS"] * 3), ("Half", ["FAILED", "SKIPPED", "SUCCESS"])],
)
def test_a_listener_with_several_transfers_migrates(dev: Dev, name: str, ends: list[str]) -> None:
    """The first that did not end as expected is the outcome; what depends on it is skipped."""
    done = beside(dev, "migrate", "--listener", f"exporter:{name}", "--settle", "--json")
    assert done.returncode == (ends[0] != "SUCCESS"), done.stderr
    view = json.loads(done.stdout)
    found = {each["transferName"]: each["status"] for each in view["transfers"]}
    assert found == dict(zip(("goods", "orders", "statistics"), ends, strict=True))
    assert view["status"] == ends[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Broken", "JSONDecodeError: Expecting property name enclosed in double quotes"),
        ("Text", "app data is bytes; encode the text: write(text.encode())"),
    ],
)
def test_a_listener_that_raises_ends_it_with_its_own_line(dev: Dev, name: str, said: str) -> None:
    """Its traceback begins at the listener; the explanation has the same line and message."""
    done = beside(dev, "migrate", "--listener", f"exporter:{name}")
    assert done.returncode == 1
    trace = done.stderr[done.stderr.index("The listener raised:\n") :].splitlines()
    assert trace[1] == "Traceback (most recent call last):"
    assert trace[2].startswith(f'  File "{dev.folder}/exporter.py"')
    last = done.stdout[done.stdout.rindex("FAILED  ") :]
    assert f"{said}" in last
    assert ", at exporter.py:" in last
    assert "in on_start_app_migration" in last


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--listener", "exporter:Other"), "listener_for_another_app"),
        (("--listener", "exporter:Nobody"), "listener_not_loaded"),
        (("--listener", "nowhere:Nobody"), "listener_not_loaded"),
        (("--listener", "exporter:Good", "--files", "."), "files_or_listener"),
    ],
)
def test_a_listener_that_cannot_be_called_starts_nothing(
    dev: Dev, arguments: tuple[str, ...], code: str
) -> None:
    done = beside(dev, "migrate", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"ferryman: {code}" in done.stderr


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (None, "ModuleNotFoundError: No module named 'loading'"),
        ("import missing_driver", "No module named 'missing_driver', at loading.py:1 in <module>"),
        ("ROOT = {}['root']", "KeyError: 'root', at loading.py:1 in <module>"),
        ("def broken(:", "SyntaxError: invalid syntax (loading.py, line 1)"),
        ("", "ValueError: expected 'Nobody' in the module loading; found none"),
    ],
)
def test_an_agent_whose_listener_cannot_be_loaded_says_where(
    dev: Dev, module: str | None, found: str
) -> None:
    """As `migrate` does, and with the status of a command that was typed wrongly."""
    folder = dev.folder / "loading"
    folder.mkdir(exist_ok=True)
    if module is not None:
        (folder / "loading.py").write_text(module)
    words = ("agent", "run", "loading:Nobody", "--once", "--data-dir", "../.ferryman")
    done = beside(dev, *words, within="loading")
    assert (done.returncode, done.stdout) == (2, "")
    said = dict(line.split(maxsplit=1) for line in done.stderr.splitlines())
    assert said["ferryman:"] == "listener_not_loaded"
    assert said["found"].endswith(found)
    assert "Correct the name or the module" in said["fix"]
    (folder / "loading.py").unlink(missing_ok=True)


def test_a_refusal_of_an_apps_call_is_told_as_any_other(dev: Dev) -> None:
    """By `agent` and by `data`, whose --json gives the document."""
    agent = beside(dev, "agent", "run", "exporter:Good", "--once", "--token", "wrong")
    assert agent.returncode == 2
    assert "ferryman: token_invalid (401)\n  expected  " in agent.stderr
    unknown = "51f6285d-5217-4f42-adc4-2c29c0c00a63"
    done = beside(dev, "data", "list", "--transfer", unknown, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "transfer_not_found"
    assert "ferryman: transfer_not_found (404)\n  expected  " in done.stderr


def test_a_new_plan_says_which_line_to_fill_in_and_then_works(dev: Dev) -> None:
    folder = dev.folder / "trial"
    folder.mkdir()
    words = ("migrate", "--data-dir", "../.ferryman")
    assert "plan.toml, line " in beside(dev, "plan", "init", within="trial").stdout
    done = beside(dev, *words, within="trial")
    assert (done.returncode, done.stdout) == (1, "")
    lines = (folder / "plan.toml").read_text().splitlines()
    number = lines.index('files = "files"') + 1
    assert f"named by plan.toml, line {number}" in done.stderr
    (folder / "files").mkdir()
    (folder / "files" / "silent.ndjson").write_text("{}\n")
    done = beside(dev, *words, "--settle", "--expect", "TIMED_OUT", within="trial")
    assert done.returncode == 0, done.stderr


def test_agent_and_data_need_neither_address_nor_token(dev: Dev, tmp_path: Path) -> None:
    """The listener names no key: it is run for the app that `dev` runs."""
    site = ("--site", "https://cloud.example", "--source", "s", "--app", "dev.sticky-notes")
    made = json.loads(beside(dev, "migration", "create", "--name", "x", *site, "--json").stdout)
    [transfer] = [each["transferId"] for each in made["transfers"]]
    assert beside(dev, "migration", "start", made["migrationId"]).returncode == 0
    agent = beside(dev, "agent", "run", "exporter:Text", "--once")
    assert agent.returncode == 1
    assert "at=exporter.py:" in agent.stderr
    assert "in on_start_app_migration: app data is bytes; encode the text" in agent.stderr
    file = tmp_path / "notes.bin"
    file.write_bytes(b"x")
    put = beside(
        dev, "data", "put", str(file), "--transfer", transfer, "--label", "silent", "--json"
    )
    assert put.returncode == 0, put.stderr
    key = json.loads(put.stdout.splitlines()[-1])["key"]
    assert key in beside(dev, "data", "list", "--transfer", transfer).stdout
    assert beside(dev, "data", "get", key).stdout == "x"
    for part in (transfer[:8], "@last"):
        assert key in beside(dev, "data", "list", "--transfer", part).stdout
        again = beside(dev, "data", "put", str(file), "--transfer", part, "--label", part)
        assert again.returncode == 0, again.stderr
    done = beside(dev, "data", "list", "--transfer", "ffffffff0000")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ferryman: id_unknown" in done.stderr
    done = beside(dev, "data", "complete", "--transfer", "@last", "--abandon-unfinished", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["transferId"] == transfer
    elsewhere = ("--url", "http://127.0.0.1:1")
    for words in (("put", str(file)), ("list",), ("complete",)):
        given = (*words, "--transfer", "@last", "--token", "any", *elsewhere)
        done = beside(dev, "data", *given)
        assert (done.returncode, done.stdout) == (1, "")
        assert "ferryman: id_not_whole" in done.stderr
    done = beside(dev, "data", "list", "--transfer", transfer, *elsewhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ferryman: app_token_missing" in done.stderr

"""``ferryman dev`` and ``ferryman migrate``, as a developer uses them."""

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from ferryman.devtools.migrate.plan import label_of
from tests.kit import forked
from tests.kit.command import Command, command
from tests.kit.function_app import CLOUD_APP
from tests.kit.manifests import function_manifest
from tests.kit.platform import wait_until

HANDLER = """\
import time
from pathlib import Path

from ferryman import Migration

def run(event, context):
    print("got", event["eventType"], event.get("label"))
    if event.get("label") == "slow":
        print("first")
        while not Path("go").exists():
            time.sleep(0.05)
        print("last")
    if event.get("label") == "silent" or "uploaded" not in event["eventType"]:
        return
    with Migration() as migration:
        with migration.get_app_data_payload(event["key"]) as lines:
            print("read", len(list(lines)), "lines")
        found = migration.get_mapping_by_id(event["transferId"], "identity:user", ["ann"])
        migration.add_log(event["transferId"], f"ann is {found.result.get('ann')}")
        migration.message_processed(event["transferId"], event["messageId"])
    if event["label"] == "late":
        raise ValueError("the space is full")
"""
UPLOADED = ["avi:ecosystem.migration:uploaded:app_data"]


@dataclass
class Dev:
    """A running `ferryman dev`, its folder and what it has printed."""

    ferryman: Command
    folder: Path
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def begin(cls, folder: Path, *options: str, **variables: str) -> "Dev":
        log = folder.with_name(f"{folder.name}.log")
        ferryman = command("", folder / ".ferryman")
        env = {k: v for k, v in ferryman.env.items() if not k.startswith("FERRYMAN_")}
        env |= {"XDG_CACHE_HOME": str(folder.parent / "cache"), **variables}
        with log.open("wb") as output:
            process = forked.Popen[bytes](
                [*ferryman.words, "dev", str(folder), "--port", "0", *options],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        dev = cls(ferryman, folder, log, process)
        try:
            dev.says("registered ", 180)
        except BaseException:
            dev.end()
            raise
        url = dev.kept["url"]
        dev.ferryman = command(url, folder / ".ferryman")
        return dev

    @property
    def kept(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / ".ferryman" / "dev.json").read_text())
        return found

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, text: str, seconds: float = 180, after: int = 0) -> None:
        def look() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            return text in self.said()[after:]

        wait_until(look, seconds)

    def end(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def migrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.ferryman("migrate", *arguments)


def app(folder: Path) -> Path:
    folder.mkdir(parents=True)
    document = {**function_manifest(events=UPLOADED), "permissions": {}}
    (folder / "manifest.yml").write_text(json.dumps(document))
    (folder / "index.py").write_text(HANDLER)
    return folder


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    running = Dev.begin(app(tmp_path_factory.mktemp("dev") / "Sticky Notes"))
    yield running
    running.end()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two files of notes in a folder, settings beside it, and what is never sent."""
    (tmp_path / "files" / "notes").mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / "files" / "notes" / f"{number}.ndjson").write_text("{}\n" * number)
    (tmp_path / "files" / "settings.ndjson").write_text("{}\n")
    (tmp_path / "files" / ".DS_Store").write_text("x")
    (tmp_path / "m.csv").write_text("namespace,serverKey,cloudKey\nidentity:user,ann,712020:ann\n")
    return tmp_path / "files"


@pytest.mark.e2e
def test_a_migration_of_ones_own_files(dev: Dev, export: Path) -> None:
    """Ends in SUCCESS; the log has events, calls, output, logs and acknowledgements."""
    before = len(dev.said())
    mappings = ("--mappings", str(export.parent / "m.csv"))
    chosen = ("--containers", "JiraProject:HAR:Harbour", "--containers", "Site")
    done = dev.migrate("--files", str(export), *mappings, *chosen, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    view = json.loads(done.stdout)
    assert (view["status"], view["files"], view["acknowledged"]) == ("SUCCESS", 3, 3)
    assert view["findings"] == []
    hidden = {"path": ".DS_Store", "reason": "its name begins with a dot"}
    assert view["leftOut"] == {"count": 1, "first": [hidden]}
    assert ".DS_Store" in done.stderr
    dev.says("status IN_PROGRESS -> SUCCESS", after=before)
    dev.says("| read 2 lines", after=before)
    for text in (
        "label notes",
        "label settings",
        "attempt 1: delivered",
        "| got avi:ecosystem.migration:uploaded:app_data notes",
        "log: ann is 712020:ann",
        "acknowledged: SUCCESS",
        "call      POST /app/migration/forge/v1/message/{transfer_id}/status: 200",
    ):
        dev.says(text, after=before)
    assert not (dev.folder / ".ferryman").is_symlink()
    assert dev.kept["serverToken"] not in dev.said()
    assert dev.kept["cloudToken"] not in dev.said()
    assert stat.S_IMODE((dev.folder / ".ferryman" / "dev.json").stat().st_mode) == 0o600


@pytest.mark.e2e
def test_output_is_shown_while_the_function_runs(dev: Dev, tmp_path: Path) -> None:
    """As it is printed, each line once; the rest of the attempt comes after it."""
    before = len(dev.said())
    # So many lines as no other test sends, whose output may still come.
    (tmp_path / "slow.ndjson").write_text("{}\n" * 7)
    migrating = dev.ferryman.begin("migrate", "--files", str(tmp_path / "slow.ndjson"))
    dev.says("| first", after=before)
    assert "| last" not in dev.said()[before:]
    (dev.folder / "go").touch()
    try:
        migrating.communicate(timeout=120)
        for text in ("status IN_PROGRESS -> SUCCESS", "| read 7 lines", "attempt 1: delivered"):
            dev.says(text, after=before)
    finally:
        (dev.folder / "go").unlink()
    said = [line.partition("| ")[2] for line in dev.said()[before:].splitlines()]
    assert [said.count(text) for text in ("first", "last", "read 7 lines")] == [1, 1, 1]


@pytest.mark.e2e
def test_commands_find_it_on_any_port(dev: Dev) -> None:
    """By what is kept in the folder; a variable or an option that names another comes first."""
    told = dev.ferryman.given(FERRYMAN_URL="")
    assert dev.kept["url"] in told.ok("clock", "show")
    assert told.json("app", "list")["items"]
    nowhere = "http://127.0.0.1:1"
    for done in (
        dev.ferryman.given(FERRYMAN_URL=nowhere)("clock", "show"),
        dev.ferryman("clock", "show", "--url", nowhere),
    ):
        assert done.returncode == 1
        assert nowhere in done.stderr


@pytest.mark.e2e
def test_time_is_moved_to_the_deadline(dev: Dev, export: Path) -> None:
    """A file that is never acknowledged is the end of its transfer, without 15 minutes of wait."""
    (export / "silent.bin").write_bytes(b"x")
    done = dev.migrate("--files", str(export / "silent.bin"), "--timeout", "1")
    assert done.returncode == 1
    assert "watch_timed_out" in done.stderr
    view = dev.ferryman.json("clock", "until", "deadline")
    assert view["status"] == "TIMED_OUT"
    dev.ferryman.refused("transfer_not_running", "clock", "until", "deadline")
    dev.ferryman.refused("deadline_not_set", "clock", "until", "deadline", view["transferId"])


@pytest.mark.e2e
def test_a_migration_that_waits_in_vain_says_so(dev: Dev, export: Path, tmp_path: Path) -> None:
    """While it waits, and not only when its time is over."""
    (export / "silent.bin").write_bytes(b"x")
    words = [*dev.ferryman.words, "migrate", "--files", str(export / "silent.bin")]
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = forked.Popen[bytes](words, env=dev.ferryman.env, stdout=output)
    try:
        told = "x acknowledgement: function fn returned without acknowledging 1 message: 'silent'"
        wait_until(lambda: told in said.read_text(), 120)
        assert dev.ferryman.json("clock", "until", "deadline")["status"] == "TIMED_OUT"
        assert process.wait(120) == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.e2e
def test_what_is_wrong_is_said_and_mended(dev: Dev, export: Path) -> None:
    """A handler that cannot be read is named with its line; the next save counts."""
    before, token = len(dev.said()), dev.kept["serverToken"]
    replace(dev.folder / "index.py", HANDLER + "def oh(:\n")
    try:
        dev.says("not registered", after=before)
    finally:
        line, told = HANDLER.count("\n") + 1, dev.said()[before:]
        before += len(told)
        replace(dev.folder / "index.py", HANDLER)
    assert "changed: index.py" in told
    assert f"index.py:{line}: error" in told
    dev.says("registered dev.sticky-notes (development)", after=before)
    wait_until(lambda: dev.kept["serverToken"] != token)
    assert dev.migrate("--files", str(export)).returncode == 0


def replace(file: Path, text: str) -> None:
    """Write it at once: nobody sees the half of it."""
    draft = file.with_name(f"{file.name}.draft")
    draft.write_text(text)
    draft.replace(file)


def saved(dev: Dev, file: Path, text: str | None) -> str:
    """What it says from the change of a file to the end of what that led to; None removes it."""
    before = len(dev.said())
    if text is None:
        file.unlink()
    else:
        replace(file, text)
    dev.says("registered dev.sticky-notes", after=before)
    return dev.said()[before:]


@pytest.mark.e2e
def test_a_plan_that_is_wrong_keeps_no_app_away(dev: Dev) -> None:
    """It is named with its line; the app is registered, and the plan is looked at when fixed."""
    plan = dev.folder / "plan.toml"
    try:
        said = saved(dev, plan, "name = A plan\n")
        assert "changed: plan.toml" in said
        assert "plan.toml:1: error: " in said
        said = saved(dev, plan, 'name = "A plan"\n')
        assert "changed: plan.toml" in said
        assert "plan.toml:1" not in said
    finally:
        saved(dev, plan, None)


@pytest.mark.e2e
def test_a_module_of_the_app_is_loaded_anew(dev: Dev, export: Path) -> None:
    """What is warm runs the code that was registered last, in packages too."""
    module, handler = dev.folder / "importer" / "notes.py", dev.folder / "index.py"
    module.parent.mkdir()
    saved(dev, module, "WORD = 'ebb'\n")
    code = HANDLER.replace("def run", "from importer.notes import WORD\n\ndef run")
    try:
        saved(dev, handler, code.replace('"read"', "WORD"))
        for word in ("ebb", "flood"):
            before = len(dev.said())
            if word != "ebb":
                saved(dev, module, "WORD = 'flood'\n")
            assert dev.migrate("--files", str(export)).returncode == 0
            dev.says(f"| {word} 2 lines", after=before)
    finally:
        saved(dev, handler, HANDLER)


@pytest.mark.e2e
def test_a_plan_says_it_all(dev: Dev, export: Path) -> None:
    """Seen from the plan's folder; options come first; a plan for another app is refused."""
    plan = export.parent / "plan.toml"
    assert str(plan) in dev.ferryman.ok("plan", "init", str(plan))
    dev.ferryman.refused("plan_exists", "plan", "init", str(plan))
    text = plan.read_text().replace("# mappings", "mappings").replace("mappings.csv", "m.csv")
    plan.write_text(text + '"notes/*" = "pinned"\n')
    done = dev.migrate("--plan", str(plan), "--name", "By plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("label pinned") >= 2
    page = dev.ferryman.json("migration", "list")
    assert page["items"][0]["name"] == "By plan"
    plan.write_text(text.replace("# app =", "app ="))
    dev.ferryman.refused("plan_for_another_app", "migrate", "--plan", str(plan))
    plan.write_text(text.replace("containers", "container"))
    dev.ferryman.refused("plan_invalid", "migrate", "--plan", str(plan))
    dev.ferryman.refused("files_missing", "migrate", "--files", str(export / "none"))


@pytest.mark.e2e
def test_a_report_for_ci(dev: Dev, export: Path, tmp_path: Path) -> None:
    """JUnit XML in every case; the status tells whether it ended as expected, without waiting."""
    (export / "silent.bin").write_bytes(b"x")
    report = tmp_path / "report.xml"
    silent = ("--files", str(export / "silent.bin"), "--settle", "--junit", str(report))
    assert dev.migrate(*silent, "--name", "Nobody\x1b", "--expect", "timed_out").returncode == 0
    case = junit_case(report, failures=0, errors=0)
    assert case.get("name") == "Nobody\N{REPLACEMENT CHARACTER}"
    assert "status IN_PROGRESS -> TIMED_OUT" in case.findtext("system-out", "")

    assert dev.migrate(*silent).returncode == 1
    failure = junit_case(report, failures=1, errors=0).find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith(
        "expected SUCCESS, ended as TIMED_OUT; broken at acknowledgement: function fn returned"
    )
    assert "    | got avi:ecosystem.migration:uploaded:app_data silent" in (failure.text or "")

    assert dev.migrate("--files", str(export / "none"), "--junit", str(report)).returncode == 1
    error = junit_case(report, failures=0, errors=1).find("error")
    assert error is not None
    assert "files_missing" in error.get("message", "")
    done = dev.migrate("--files", str(export), "--junit", str(tmp_path / "none" / "report.xml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "report_unwritable" in done.stderr


@pytest.mark.e2e
def test_success_after_a_failed_attempt_fails(dev: Dev, export: Path, tmp_path: Path) -> None:
    """The exit status, the last lines, the JSON and the report say it; an option allows it."""
    (export / "late.bin").write_bytes(b"x")
    report = tmp_path / "report.xml"
    # With the mapping that the handler asks for, whichever other tests have loaded it.
    rows = tmp_path / "m.csv"
    rows.write_text("namespace,serverKey,cloudKey\nidentity:user,ann,712020:ann\n")
    late = ("--files", str(export / "late.bin"), "--mappings", str(rows), "--junit", str(report))
    told = "1 attempt failed after its message was acknowledged"
    done = dev.migrate(*late)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith("SUCCESS  ")]
    assert lines[at + 1].startswith(f"x handler: {told}")
    assert "'late'" in lines[at + 1]
    assert "ValueError: the space is full" in lines[at + 1]
    failure = junit_case(report, failures=1, errors=0).find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith(f"ended as SUCCESS, but {told}")
    done = dev.migrate(*late, "--allow-failed-attempts", "--json")
    assert done.returncode == 0, done.stderr
    junit_case(report, failures=0, errors=0)
    view = json.loads(done.stdout)
    [finding] = view["findings"]
    assert finding["cause"] == "failed_after_acknowledgement"
    watched = dev.ferryman("transfer", "watch", view["transferId"])
    assert watched.returncode == 0
    assert told in watched.stderr


def junit_case(report: Path, *, failures: int, errors: int) -> ET.Element:
    """The one case of a report, which has the form that readers of JUnit XML rely on."""
    root = ET.parse(report).getroot()  # noqa: S314 - written a moment ago
    [suite] = root
    [case] = suite
    assert (root.tag, suite.tag, case.tag) == ("testsuites", "testsuite", "testcase")
    counts = {"tests": 1, "failures": failures, "errors": errors, "skipped": 0}
    for each in (root, suite):
        assert {name: int(each.attrib[name]) for name in counts} == counts
        assert float(each.attrib["time"]) >= 0
    assert set(case.attrib) == {"name", "classname", "time"}
    assert len(case.findall("failure")) == failures
    assert len(case.findall("error")) == errors
    assert {each.tag for each in case} <= {"failure", "error", "system-out"}
    return case


@pytest.mark.e2e
def test_time_stands_still_when_it_is_told_to(dev: Dev) -> None:
    """It moves by `clock advance` alone then, by exactly as much."""
    try:
        frozen = dev.ferryman.json("clock", "freeze")
        assert frozen["frozen"]
        assert dev.ferryman.json("clock", "show")["now"] == frozen["now"]
        assert dev.ferryman.json("clock", "advance", "2h")["now"] == frozen["now"] + 7_200_000
        assert "virtual, frozen" in dev.ferryman.ok("clock", "show")
    finally:
        resumed = dev.ferryman.json("clock", "resume")
    assert not resumed["frozen"]
    assert resumed["now"] >= frozen["now"] + 7_200_000
    wait_until(lambda: dev.ferryman.json("clock", "show")["now"] > resumed["now"])


@pytest.mark.e2e
def test_one_at_a_time_and_an_end_of_all(tmp_path: Path) -> None:
    """A second one is refused; Ctrl-C ends every process; --reset forgets."""
    dev = Dev.begin(app(tmp_path / "app"))
    try:
        second = command("", tmp_path)("dev", str(dev.folder), "--port", "0")
        assert second.returncode == 1
        assert "dev_running" in second.stderr
        export = tmp_path / "notes.txt"
        export.write_text("a\n")
        assert dev.migrate("--files", str(export)).returncode == 0
        assert dev.process is not None
        children = psutil.Process(dev.process.pid).children(recursive=True)
        assert len(children) >= 2
        assert dev.end() == 130
        _, alive = psutil.wait_procs(children, timeout=90)
        assert not alive
        assert "Traceback" not in dev.said()
        assert not (dev.folder / ".ferryman" / "dev.json").exists()
        dev.ferryman.refused("dev_not_running", "migrate", "--files", str(export))
        dev = Dev.begin(dev.folder, "--reset", "--seed", "harbour")
        assert "resumes earlier runs" not in dev.said()
        assert dev.ferryman.json("migration", "list")["items"] == []
    finally:
        dev.end()


@pytest.mark.e2e
def test_a_killed_one_is_gone_on_with(tmp_path: Path) -> None:
    """What it left running is ended by the next, and what it kept is there."""
    dev = Dev.begin(app(tmp_path / "app"))
    assert dev.process is not None
    export = tmp_path / "notes.txt"
    export.write_text("a\n")
    assert dev.migrate("--files", str(export)).returncode == 0
    dev.process.kill()
    dev.process.wait()
    assert dev.kept["url"]
    found = dev.ferryman.refused("dev_not_running", "migrate", "--files", str(export))
    assert "one that was killed" in found
    dev = Dev.begin(dev.folder, "--seed", "harbour")
    try:
        assert "resumes earlier runs, with different ids; --reset" in dev.said()
        assert len(dev.ferryman.json("migration", "list")["items"]) == 1
        assert dev.migrate("--files", str(export)).returncode == 0
    finally:
        dev.end()


def test_without_dev_there_is_nothing_to_migrate_to(ferryman: Command, tmp_path: Path) -> None:
    """Said before anything is created."""
    (tmp_path / "operator-token").write_text("t")
    said = ferryman.refused("dev_not_running", "migrate", "--data-dir", str(tmp_path))
    assert "ferryman dev" in said


def test_a_seed_is_for_tests(ferryman: Command, tmp_path: Path) -> None:
    """On real time ids are never drawn from a text that others may know."""
    done = ferryman("serve", "--data-dir", str(tmp_path), "--clock", "real", "--seed", "harbour")
    assert done.returncode == 2
    assert "seed_on_real_clock" in done.stderr


def test_a_folder_without_an_app(ferryman: Command, tmp_path: Path) -> None:
    ferryman.refused("app_not_found", "doctor", str(tmp_path))
    ferryman.refused("app_not_found", "dev", str(tmp_path / "none"), "--port", "0")


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("app_not_found", ()),
        ("environment_not_lower_case", ("--environment", "Staging")),
        ("descriptor_unreachable", ("--descriptor", "http://127.0.0.1:1/atlassian-connect.json")),
    ],
)
def test_what_no_edit_can_cure_starts_nothing(
    ferryman: Command, tmp_path: Path, code: str, arguments: tuple[str, ...]
) -> None:
    ferryman.refused(code, "dev", str(tmp_path), "--port", "0", *arguments)
    assert not (tmp_path / ".ferryman").exists()


def test_the_doctors_status(ferryman: Command, tmp_path: Path) -> None:
    """0 for warnings, 1 for errors and, if asked for, for warnings; JSON has every part."""
    folder = app(tmp_path / "app")
    (folder / "manifest.yml").write_text(json.dumps(function_manifest(events=UPLOADED)))
    assert ferryman.json("doctor", str(folder)) == []
    text = (folder / "manifest.yml").read_text()
    (folder / "manifest.yml").write_text(text.replace("ari:cloud:ecosystem::app/", ""))
    [warning] = ferryman.json("doctor", str(folder))
    assert set(warning) == {"severity", "check", "what", "file", "line", "why", "fix"}
    assert ferryman("doctor", str(folder), "--strict").returncode == 1
    (folder / "index.py").write_text(CLOUD_APP)
    done = ferryman("doctor", str(folder), "--environment", "Production")
    assert done.returncode == 1
    assert "[never_acknowledged]" in done.stdout
    assert "(command line): error: The environment is 'Production'." in done.stdout
    assert "2 errors, 1 warning" in done.stdout


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("notes.ndjson.gz", "notes"),
        ("notes/1.ndjson.gz", "notes"),
        ("notes/deep/1.ndjson.gz", "notes"),
        ("noext", "noext"),
        ("a-1.csv", "a"),
        ("x/b.bin", "bin"),
        (".hidden", ".hidden"),
    ],
)
def test_labels(path: str, label: str) -> None:
    assert label_of(path, {"a-*": "a", "*.bin": "bin"}) == label

"""``ferryman test-handler`` and ``ferryman dev --faults`` as commands; the page shows the rest."""

import asyncio
import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.faults import report as fault_report
from ferryman.cli.faults.plans import given_faults
from ferryman.devtools.faults import search
from ferryman.domain.fault_oracle import AppRefusal, Observation, Violation
from ferryman.domain.fault_plan import parse
from ferryman.vocab import TransferStatus
from tests.cli.test_dev import HANDLER, UPLOADED
from tests.kit import forked
from tests.kit.command import Command, command
from tests.kit.manifests import function_manifest
from tests.kit.platform import wait_until


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app, and a file for it."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "manifest.yml").write_text(json.dumps(function_manifest(events=UPLOADED)))
    (folder / "index.py").write_text(HANDLER)
    (tmp_path / "notes").write_text("a note\n")
    return folder


@pytest.fixture
def ferryman(tmp_path: Path) -> Command:
    return command("", tmp_path)


def test_what_cannot_be_tested_is_refused_before_anything_starts(
    ferryman: Command, app: Path, tmp_path: Path
) -> None:
    """With status 2, which is not that of a handler that broke."""
    files = ("--files", str(tmp_path / "notes"))
    (tmp_path / "empty.json").write_text('{"plan": []}')
    for code, arguments in (
        ("fault_plan_invalid", (*files, "--faults", "uploaded:1=twise")),
        ("fault_plan_empty", (*files, "--replay", str(tmp_path / "empty.json"))),
        ("complaint_unknown", (*files, "--ignore", "thrown")),
        ("state_ambiguous", (*files, "--state", "true", "--state-function", "index.state")),
    ):
        done = ferryman("test-handler", str(app), *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
        assert done.stderr.startswith(f"ferryman: {code}"), done.stderr
    (app / "ferryman.toml").write_text("[test-handler]\nstates = 'x'\n")
    done = ferryman("test-handler", str(app), *files, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["code"] == "overrides_malformed"


def test_a_script_has_the_seed_of_the_command_and_a_file_its_own(tmp_path: Path) -> None:
    """It decides which calls a share strikes."""
    (tmp_path / "saved.json").write_text('{"plan": ["find:20%=503"], "seed": 3}')
    given = [
        given_faults("find:20%=503", None, 7),
        given_faults(None, tmp_path / "saved.json", 7),
    ]
    assert [each and (each.seed, each.steps) for each in given] == [
        (seed, parse("find:20%=503")) for seed in (7, 3)
    ]
    assert given_faults(None, None, 7) is None


def test_a_script_that_may_go_shorter_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortening has an end, also where it has not come to one."""
    monkeypatch.setattr(search, "MAX_SHRINK_RUNS", 0)
    seen = Observation(status=TransferStatus.FAILED, sent=())
    script = parse("uploaded:1=twice, find:1=503")
    whole = search.FailingPlan(script, seen, (Violation("state", "it differs", "fix it"),))
    bench: Any = None  # no run is left
    found = asyncio.run(search.shrunk(bench, whole, 1, lambda *_: None))
    assert (found.plan, found.shortest, whole.shortest) == (script, False, True)
    assert "A shorter plan may exist" in fault_report.text(seen, [found], 3, None)
    assert "A shorter plan may exist" not in fault_report.text(seen, [whole], 3, None)
    (told,) = fault_report.document(seen, [found], 3)["finds"]
    assert told["shortest"] is False


def test_a_harmless_find_is_told_as_one() -> None:
    """After what does harm; each with the code that --ignore takes."""
    seen = Observation(status=TransferStatus.SUCCESS, sent=())
    harm = search.FailingPlan(
        parse("find:1=503"), seen, (Violation("state", "it differs", "fix it"),)
    )
    complaint = Violation("threw_settled", "it threw", "return")
    harmless = search.FailingPlan(parse("uploaded:1=after-all"), seen, (complaint,))
    told = fault_report.text(seen, (harm, harmless), 9, Path("saved.json"))
    wanted = (
        "fails under these faults (9 runs):",
        "it differs  [state]",
        "No data was affected, but the handler fails under these faults:",
        "it threw  [threw_settled]",
        "The first is written to saved.json",
    )
    places = [told.index(each) for each in wanted]
    assert places == sorted(places)
    document = fault_report.document(seen, (harm, harmless), 9)
    assert [each["harmless"] for each in document["finds"]] == [False, True]


def test_refusals_of_the_calm_run_are_told() -> None:
    """For people and for programs; nothing where there were none."""
    calm = Observation(status=TransferStatus.SUCCESS, sent=())
    assert "\n" not in fault_report.calm_line(calm)
    calm = replace(
        calm, refused=(AppRefusal("find:1", 403, "scope_missing"), AppRefusal("any:2", 502, ""))
    )
    line = "Refused in the calm run: find:1 403 scope_missing, any:2 502."
    assert fault_report.calm_line(calm).splitlines()[1:] == [line]
    assert fault_report.document(calm, (), 2)["refusedInCalmRun"] == [
        {"call": "find:1", "status": 403, "code": "scope_missing"},
        {"call": "any:2", "status": 502, "code": ""},
    ]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_dev_with_faults(app: Path, tmp_path: Path, ferryman: Command) -> None:
    """What was disturbed is shown; the migration succeeds all the same, and so does the next."""
    log, script = tmp_path / "log", "uploaded:1=twice, find:1=lost, acknowledge:2=409"
    with log.open("wb") as output:
        process = forked.Popen[bytes](
            [*ferryman.words, "dev", str(app), "--port", "0", "--faults", script],
            env=ferryman.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said() -> str:
        return log.read_text(errors="replace")

    def says(text: str, after: int) -> None:
        def look() -> bool:
            assert process.poll() is None, said()
            return text in said()[after:]

        wait_until(look, 200)

    try:
        says("registered ", 0)
        here = ferryman.given(FERRYMAN_DATA_DIR=str(app / ".ferryman"), FERRYMAN_URL="")
        kept = json.loads((app / ".ferryman" / "dev.json").read_text())
        for _ in range(2):
            before = len(said())
            done = here("migrate", "--files", str(tmp_path / "notes"), "--url", kept["url"])
            assert done.returncode == 0, done.stdout + done.stderr
            says("fault     call find:1: lost", before)
            says("fault     event uploaded:1 comes a second time", before)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(200) == 130

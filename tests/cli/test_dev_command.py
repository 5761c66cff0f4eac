"""``ferryman dev -- COMMAND``, by real processes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_at_a_terminal import at_terminal
from tests.cli.test_dev import app
from tests.kit.command import Command, command
from tests.kit.platform import wait_until

# Says which signals it gets, and ends with a status of its own at the first.
WAITS = """\
import pathlib, signal, sys
def leave(number, frame):
    with open(sys.argv[1], "a") as file:
        file.write(f"{number}\\n")
    sys.exit(9)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, leave)
pathlib.Path(sys.argv[1]).touch()
while True:
    signal.pause()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return app(tmp_path_factory.mktemp("dev") / "Sticky Notes")


@pytest.fixture
def ferryman(folder: Path) -> Command:
    """The command without any address, with room for a start on a busy machine."""
    env = {k: v for k, v in command("", folder).env.items() if not k.startswith("FERRYMAN_")}
    return Command({**env, "XDG_CACHE_HOME": str(folder.parent / "cache")}, seconds=180)


@pytest.fixture
def waiting(ferryman: Command, folder: Path, tmp_path: Path) -> Iterator["Waiting"]:
    """`dev` with a command that waits for a signal."""
    begun = Waiting(ferryman, folder, tmp_path / "seen")
    yield begun
    begun.process.kill()
    begun.process.wait()
    os.close(begun.terminal)


class Waiting:
    """Stands on a terminal of its own, so that Ctrl-C can be typed."""

    def __init__(self, ferryman: Command, folder: Path, seen: Path) -> None:
        self._seen = seen
        self.terminal, its = pty.openpty()
        words = [*ferryman.words, "dev", str(folder), "--port", "0"]
        words += ["--", sys.executable, "-c", WAITS, str(seen)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *words],
            env=ferryman.env,
            stdin=its,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(its)
        wait_until(lambda: seen.exists() or self.process.poll() is not None, 120)

    def seen(self) -> list[int]:
        return list(map(int, self._seen.read_text().split()))


# Takes the terminal as the one that controls it, as a shell does for what it starts.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.e2e
def test_a_command_finds_the_platform_and_its_status_is_kept(
    ferryman: Command, folder: Path, tmp_path: Path
) -> None:
    """Its variables are those that other commands read; nothing is left afterwards."""
    script = "import json, os, subprocess, sys; print(json.dumps(dict(os.environ)), flush=True); "
    script += "subprocess.run([sys.executable, '-m', 'ferryman', 'app', 'list', '--json']); "
    script += "sys.exit(int(sys.argv[1]))"
    program = ("--", sys.executable, "-c", script, "7")
    done = ferryman("dev", str(folder), "--port", "0", *program)
    assert done.returncode == 7, done.stderr
    variables, apps = map(json.loads, done.stdout.splitlines())
    tokens = {"FERRYMAN_SERVER_TOKEN", "FERRYMAN_TOKEN", "FERRYMAN_OPERATOR_TOKEN"}
    assert {"FERRYMAN_URL", "FERRYMAN_DATA_DIR", "FERRYMAN_APP_KEY"} | tokens <= set(variables)
    assert [each["cloudAppKey"] for each in apps["items"]] == ["dev.sticky-notes"]
    assert "registered dev.sticky-notes" in done.stderr
    steps = [line for line in done.stderr.splitlines() if line.endswith(" ...")]
    assert len(steps) == 3
    assert "starting the platform" in steps[0].lower()
    assert "\x1b" not in done.stderr
    assert not any(variables[name] in done.stderr for name in tokens)
    assert not (folder / ".ferryman" / "dev.json").exists()
    assert not list((folder / ".ferryman" / "processes").glob("*.pid"))


@pytest.mark.e2e
def test_what_a_command_shows_is_not_shown_twice(
    ferryman: Command, folder: Path, tmp_path: Path
) -> None:
    """Only what functions print comes from `dev`, and never behind the command's bar."""
    (tmp_path / "notes.ndjson").write_text("{}\n")
    migrate = ("--", *ferryman.words, "migrate", "--files", str(tmp_path / "notes.ndjson"))
    status, said = at_terminal(ferryman, "dev", str(folder), "--port", "0", *migrate)
    assert status == 0, said
    lines = [line.strip() for line in re.split("[\r\n]", said)]
    for text in ("notes  stored", "READY -> IN_PROGRESS", "acknowledged: SUCCESS"):
        assert len([line for line in lines if text in line]) == 1, said
    printed = [line for line in lines if "| read 1 lines" in line]
    assert len(printed) == 1, said
    assert not [line for line in printed if "%" in line]
    assert "operator token" not in said


@pytest.mark.e2e
def test_verbose_shows_all_beside_a_command(
    ferryman: Command, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.ndjson").write_text("{}\n")
    migrate = (*ferryman.words, "migrate", "--files", str(tmp_path / "notes.ndjson"), "--quiet")
    done = ferryman("dev", str(folder), "--port", "0", "--verbose", "--", *migrate)
    assert done.returncode == 0, done.stderr
    assert "status READY -> IN_PROGRESS" in done.stderr
    assert "call      GET /app/migration/forge/" in done.stderr


@pytest.mark.e2e
def test_the_worker_is_there_before_the_command(ferryman: Command, folder: Path) -> None:
    # A busy machine may be late at the checks of readiness once, which is a 503.
    script = """if True:
        import os, urllib3
        again = urllib3.Retry(9, status_forcelist=[503], backoff_factor=0.1)
        reply = urllib3.request("GET", os.environ["FERRYMAN_URL"] + "/readyz", retries=again)
        print(reply.data.decode())
    """
    done = ferryman("dev", str(folder), "--port", "0", "--", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checks"]["workers"]["ok"]


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_pass_on(ferryman: Command, folder: Path, tmp_path: Path, number: int) -> None:
    seen = tmp_path / "seen"
    process = ferryman.begin(
        *("dev", str(folder), "--port", "0", "--"), *(sys.executable, "-c", WAITS, str(seen))
    )
    try:
        wait_until(lambda: seen.exists() or process.poll() is not None, 120)
        process.send_signal(number)
        assert process.wait(180) == 9, process.communicate()[1]
        assert seen.read_text().split() == [str(number)]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.e2e
def test_ctrl_c_reaches_the_command_once(waiting: Waiting) -> None:
    """The terminal sends it to both."""
    os.write(waiting.terminal, b"\x03")
    assert waiting.process.wait(180) == 9
    assert waiting.seen() == [signal.SIGINT]


@pytest.mark.e2e
def test_a_command_that_is_killed(ferryman: Command, folder: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    given = ("dev", str(folder), "--port", "0", "--quiet")
    done = ferryman(*given, "--", sys.executable, "-c", script)
    assert (done.returncode, done.stderr) == (128 + signal.SIGKILL, "")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("no-such-program",), 127, "no program of that name"),
        ((), 2, "expected a command after --"),
    ],
)
def test_a_command_that_cannot_be_run_starts_nothing(
    ferryman: Command, tmp_path: Path, words: tuple[str, ...], status: int, text: str
) -> None:
    done = ferryman("dev", str(tmp_path), "--", *words)
    assert done.returncode == status
    assert text in done.stderr
    assert not (tmp_path / ".ferryman").exists()


@pytest.mark.e2e
def test_without_an_app_the_command_does_not_run(ferryman: Command, tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text("app: [\n")
    ran = tmp_path / "ran"
    done = ferryman("dev", str(tmp_path), "--port", "0", "--", "touch", str(ran))
    assert done.returncode == 1
    assert "app_not_registered" in done.stderr
    assert not ran.exists()

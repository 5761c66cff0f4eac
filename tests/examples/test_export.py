"""The programs of ``examples/export``: exports over plain HTTP in six languages."""

import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, unavailable, wait_until

PROGRAMS = Path(__file__).parents[2] / "examples" / "export"
RUNTIMES = {
    "Export.java": ("javac", "openjdk-17-jdk-headless"),
    "export.go": ("go", "golang-go"),
    "export.mjs": ("node", "nodejs"),
    "export.php": ("php", "php-cli"),
    "export.pl": ("perl", "perl"),
    "export.rb": ("ruby", "ruby"),
}
# gofmt gives each import and each brace of an `if` its line, and the JDK has no JSON.
LINES = {"Export.java": 94, "export.go": 103}
COLUMNS = 100
PART = 8 << 20
FILES = {
    "notes.jsonl": b'{"id": 1}\n',
    "large": os.urandom(2 * PART + 1_000_000),
    "empty": b"",
    'é "quoted".txt': "Straße\n".encode(),
    "exactly one part": bytes(PART),
}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass
class Program:
    """A program as a user runs it, and the migration that it exports for."""

    command: list[str]
    migration: FunctionMigration

    def start(self, *paths: Path, **variables: str) -> subprocess.Popen[str]:
        key = self.migration.registration["serverAppKey"]
        access = {
            "FERRYMAN_URL": self.migration.platform.url,
            "FERRYMAN_SERVER_TOKEN": self.migration.tokens["serverToken"],
        }
        return subprocess.Popen(
            [*self.command, key, *map(str, paths)],
            env={**os.environ, **access, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *paths: Path, fails: bool = False, **variables: str) -> str:
        """Run it to its end; return what it says."""
        with self.start(*paths, **variables) as process:
            said, _ = process.communicate(timeout=200)
        assert (process.returncode != 0) == fails, said
        return said

    def killed_within(self, large: Path, *before: Path) -> None:
        """Kill it when two parts of a file are stored, while it waits for the rest of the third."""
        os.mkfifo(large)
        # Open for both, so that neither side waits for the other to come or to go.
        pipe = os.open(large, os.O_RDWR)
        cut = FILES[large.name][: 2 * PART + 1000]
        feeder = threading.Thread(target=_feed, args=(pipe, cut), daemon=True)
        feeder.start()
        with self.start(*before, large) as process:
            try:
                wait_until(lambda: process.poll() is not None or self._holds_two(large.name))
                assert process.poll() is None, process.communicate()[0]
            finally:
                process.kill()
        os.close(pipe)
        large.unlink()

    def _holds_two(self, label: str) -> bool:
        """Whether the store holds two parts of a file; the file before it confirmed the claim."""
        if not self.migration.timeline("app_data.uploaded"):
            return False
        begun = self.migration.export("/app-data", body={"label": label, "resumeKey": label}).json
        path = f"/server/v1/uploads/{begun['uploadId']}"
        return len(self.migration.server.ok("GET", path)["parts"]) == 2

    def stored(self) -> dict[str, str]:
        """The digests of what the cloud app reads, by label."""
        with self.migration.client() as client:
            return {
                each["data"]["label"]: sha256(
                    client.get_app_data_payload(each["data"]["key"]).content()
                ).hexdigest()
                for each in self.migration.timeline("app_data.uploaded")
            }


def _feed(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]


def _command(name: str, folder: Path, go_cache: Path) -> list[str]:
    """How it is run; what has a compiler is compiled once."""
    source = str(PROGRAMS / name)
    match name:
        case "Export.java":
            subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", folder, source], check=True)
            return ["java", "-cp", str(folder), "Export"]
        case "export.go":
            binary = folder / "export"
            env = {**os.environ, "GOCACHE": str(go_cache), "GOFLAGS": "-mod=mod"}
            subprocess.run(["go", "build", "-o", binary, source], check=True, env=env)
            return [str(binary)]
        case _:
            return [RUNTIMES[name][0], source]


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_program_is_short(name: str) -> None:
    """At most 60 lines, but where the language itself takes more."""
    lines = (PROGRAMS / name).read_text().splitlines()
    assert len(lines) <= LINES.get(name, 60)
    assert max(len(line.expandtabs(4)) for line in lines) <= COLUMNS


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_program_exports_files_and_resumes_after_a_kill(
    platform_process: PlatformProcess, tmp_path: Path, go_cache: Path, name: str
) -> None:
    runtime, package = RUNTIMES[name]
    if shutil.which(runtime) is None:
        unavailable(f"{runtime} (Debian: {package})")
    command = _command(name, tmp_path, go_cache)
    migration = FunctionMigration.begin(platform_process, tmp_path / "app", claim=False)
    program = Program(command, migration)
    paths = [tmp_path / name for name in FILES]
    for path in paths:
        path.write_bytes(FILES[path.name])
    refused = program.run(*paths, fails=True, FERRYMAN_SERVER_TOKEN="wrong")
    assert "401" in refused
    assert "/server/v1/listeners/claim" in refused
    # What cannot be read to its end is no file.
    assert "directory" in program.run(tmp_path, fails=True)
    large = paths[1]
    large.unlink()
    program.killed_within(large, paths[0])
    large.write_bytes(FILES["large"])
    assert program.run(*paths).splitlines() == [
        "notes.jsonl: parts 1, held before 1",
        "large: parts 3, held before 2",
        "empty: parts 1, held before 0",
        'é "quoted".txt: parts 1, held before 0',
        "exactly one part: parts 1, held before 0",
    ]
    assert program.stored() == {label: sha256(data).hexdigest() for label, data in FILES.items()}
    migration.settle()
    wait_until(lambda: migration.status == "SUCCESS")

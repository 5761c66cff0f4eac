"""The example with a container service in Go, as its developer runs it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.command import command
from tests.kit.platform import free_port, unavailable

EXAMPLE = Path(__file__).parents[2] / "examples" / "container-go"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

NOTES = [{"id": str(n), "author": ("ann", "bob")[n % 2], "title": f"Ebb {n}"} for n in range(250)]
MAPPINGS = "namespace,serverKey,cloudKey\nidentity:user,jira.username/ann,712020:ann\n"


def test_a_service_in_go_imports_an_export(tmp_path: Path, go_cache: Path) -> None:
    """`dev` builds and starts it, sends it two files, and ends it with the command."""
    if shutil.which("go") is None:
        unavailable("go (Debian: golang-go)")
    app = tmp_path / "container-go"
    shutil.copytree(EXAMPLE, app)
    with (app / "ferryman.toml").open("a") as overrides:
        overrides.write(f"port = {free_port()}\n")
    files = tmp_path / "export"
    files.mkdir()
    for name, notes in (("notes.jsonl", NOTES), ("none.jsonl", [])):
        (files / name).write_text("".join(json.dumps(note) + "\n" for note in notes))
    (tmp_path / "m.csv").write_text(MAPPINGS)
    ferryman = command("", app / ".ferryman")
    migrate = ("migrate", "--files", str(files), "--mappings", str(tmp_path / "m.csv"), "--json")
    known = {k: v for k, v in ferryman.env.items() if not k.startswith("FERRYMAN_")}
    done = subprocess.run(
        [*ferryman.words, "dev", "--port", "0", "--", *ferryman.words, *migrate],
        cwd=app,
        env={**known, "GOCACHE": str(go_cache), "GOFLAGS": "-mod=mod"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    view = json.loads(done.stdout)
    assert (view["status"], view["acknowledged"]) == ("SUCCESS", 2)
    assert "service   importer is ready at " in done.stderr
    found = [file.read_text().splitlines() for file in (app / "imported").iterdir()]
    lines = max(found, key=len)
    assert sorted(map(len, found)) == [0, 250]
    expected = [{**n, "author": "712020:ann" if n["author"] == "ann" else ""} for n in NOTES]
    assert [json.loads(line) for line in lines] == expected
    assert not (app / ".ferryman" / "processes" / "service-importer.group").exists()

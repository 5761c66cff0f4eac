"""The first screen: the demo prints what it shows, and its listener and handler work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, Reader, blocks
from tests.support import PlatformProcess

README = ROOT / "README.md"
MAPPINGS = "namespace,serverKey,cloudKey\nidentity:user,notes.username/ann,712020:ann\n"
CARRY = """\
ferryman app register cloud --server-key org.example.notes-server --cloud-key org.example.first \
  --json > app.json
export FERRYMAN_SERVER_TOKEN=$(python -c 'import json; \
  print(json.load(open("app.json"))["serverToken"])')
ferryman agent run listener:Listener --once 2> agent.log &
ferryman migration run --name First --site https://notes.example --source notes \
  --app org.example.first --mappings mappings.csv
"""


@pytest.mark.e2e
def test_the_demo_prints_what_the_first_screen_shows() -> None:
    """Every line of it but the first, which has the time in it."""
    [shown] = [block.text for block in blocks(README) if block.kind == "demo"]
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", "demo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [" ".join(line.split()) for line in re.split(r"[\r\n]", done.stdout)]
    for line in shown.splitlines()[1:]:
        assert " ".join(line.split()) in printed, done.stdout


@pytest.mark.e2e
def test_the_listener_and_the_handler_carry_their_note(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """A migration with nothing but what the first screen shows ends in SUCCESS."""
    (tmp_path / "mappings.csv").write_text(MAPPINGS)
    with Reader(tmp_path, platform_process.url, platform_process.data_dir) as reader:
        for block in blocks(README):
            reader.follow(block)
        reader.follow(Block("sh", "run", CARRY, 0))
        assert "SUCCESS  org.example.first" in reader.said


def test_a_listener_and_a_handler_take_a_dozen_lines() -> None:
    """Short enough for a first screen."""
    code = [block.text for block in blocks(README) if block.language == "python"]
    assert len(code) == 2
    for text in code:
        assert len([line for line in text.splitlines() if line.strip()]) <= 14

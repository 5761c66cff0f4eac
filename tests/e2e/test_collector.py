"""How long the garbage collector may hold a process up is bounded by what it frees in one go."""

import subprocess
import sys

CODE = """\
import gc
from ferryman.server import collector

most = 0

def note(phase, info):
    global most
    most = max(most, info.get("collected", 0))

collector.disable()
collector.freeze()
gc.callbacks.append(note)
for _ in range(200_000):
    cycle = []
    cycle.append(cycle)
print(most)
"""


def test_one_pass_frees_a_few_thousand_objects_at_most() -> None:
    command = [sys.executable, "-c", CODE]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert 0 < int(found.stdout) < 4_000

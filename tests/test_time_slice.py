"""What a process starts takes short turns on the processor only if that is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.kit.time_slice import SHORT, needs_turns

STARTER = """
import json, os, subprocess, threading
from ferryman import time_slice
from tests.kit.time_slice import turn_of

def unknown(_):
    raise OSError(38, "musl answers so")

os.nice(1)
policy_of, os.sched_getscheduler = os.sched_getscheduler, unknown
found = {}
for for_children in (True, False):
    assert time_slice.shorten(for_children=for_children)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    told = []
    thread = threading.Thread(target=lambda: told.append(turn_of(threading.get_native_id())))
    thread.start()
    thread.join()
    found[for_children] = [turn_of(0), turn_of(child.pid), *told]
    child.communicate()
nice = os.getpriority(os.PRIO_PROCESS, 0)
# Only who has a capability for it may take the flag back that was set last.
os.sched_setscheduler(0, os.SCHED_BATCH | os.SCHED_RESET_ON_FORK, os.sched_param(0))
told = time_slice.shorten(for_children=True)
policy = policy_of(0) & ~os.SCHED_RESET_ON_FORK
print(json.dumps([*found.values(), nice, told, policy]))
"""


@needs_turns
def test_what_a_process_starts_takes_short_turns_only_if_that_is_said() -> None:
    """With any C library. Priority and policy stay as they were given."""
    done = subprocess.run([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, check=True)
    with_children, alone, nice, told, policy = json.loads(done.stdout)
    assert with_children == [SHORT, SHORT, SHORT]
    assert alone[0] == SHORT
    assert min(alone[1:]) > SHORT
    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)
    assert (told, policy) == (False, os.SCHED_BATCH)


COMPILER = """
from pathlib import Path
from ferryman import time_slice
from ferryman.functions.compiler import Compiler

assert time_slice.shorten(for_children=True)
done = Compiler(Path.cwd()).run([], b"", 600)
print(int(done.stdout))
"""


@needs_turns
def test_a_compiler_takes_usual_turns_whoever_starts_it(tmp_path: Path) -> None:
    """It computes for an app, as a function does."""
    program = tmp_path / "esbuild"
    program.write_text(
        f"#!{sys.executable}\nimport sys; sys.path.insert(0, {str(Path.cwd())!r})\n"
        "from tests.kit.time_slice import turn_of; print(turn_of(0))\n"
    )
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", COMPILER],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "FERRYMAN_ESBUILD": str(program)},
    )
    assert int(done.stdout) > SHORT

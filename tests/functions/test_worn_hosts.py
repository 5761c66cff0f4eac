"""Which failures cost a function its host, and what becomes of an app whose hosts keep dying."""

import asyncio
import sys
from pathlib import Path

import pytest

from ferryman.domain.outcome import failed, succeeded
from ferryman.functions.host_records import HostRecords
from ferryman.functions.pool import FunctionPool
from ferryman.vocab import FailureCause
from tests.functions.calling import Invoke

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's processes"),
    pytest.mark.usefixtures("nothing_left"),
]

PYTHON = """
import asyncio, concurrent.futures, os, signal, sys, threading
from pathlib import Path

class Closing:
    def __init__(self, flag): self.flag = Path(flag)
    def __del__(self): self.flag.touch()

pool = concurrent.futures.ThreadPoolExecutor(1)

def idle():
    [thread] = pool._threads
    frame = sys._current_frames()[thread.ident]
    return frame.f_code.co_name == "_worker" and frame.f_locals.get("work_item") is None

def act(event, context):
    print(os.getpid(), flush=True)
    match event["do"]:
        case "raise": raise ValueError("no")
        case "exit": sys.exit(1)
        case "die": os._exit(1)
        case "memory": raise MemoryError
        case "left":
            threading.Timer(600, print).start()
            raise ValueError("no")
        case "alarm":
            signal.alarm(600)
            raise ValueError("no")
        case "alarm_return": signal.alarm(600)
        case "pool_works":
            pool.submit(open, event["fifo"])
            raise ValueError("no")
        case "pool_waits":
            pool.submit(print).result()
            while not idle(): pass
            raise ValueError("no")
        case "cancelled": raise asyncio.CancelledError
        case "hold":
            held = Closing(event["fifo"] + ".closed")
            raise ValueError("no")
        case "return": print(Path(event["fifo"] + ".closed").exists())

async def act_later(event, context):
    act(event, context)
"""
JAVASCRIPT = """\
import { readFile } from 'node:fs/promises';
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const act = (event) => {
  console.log(process.pid);
  if (event.do === 'raise') throw new Error('no');
  if (event.do === 'exit') process.exit(1);
  if (event.do === 'die') process.abort();
  if (event.do === 'left') { setTimeout(() => {}, 600_000); throw new Error('no'); }
  if (event.do === 'begun') return Promise.all([readFile(event.fifo), Promise.reject('no')]);
  if (event.do === 'read') return readFile('index.js').then(() => { throw new Error('no'); });
  if (event.do === 'aside') {
    setImmediate(() => { throw new Error('aside'); });
    return wait(600_000);
  }
};
export const actLater = async (event) => { await wait(1); await act(event); };
"""


def hosts(invoke: Invoke, function: str, acts: str, fifo: str = "") -> list[int]:
    """The process of each call; numbers from 0, in the order in which they appear."""

    async def calls() -> list[str]:
        async with FunctionPool(concurrency=1) as pool:
            outcomes = [
                await invoke(pool, function, event={"do": act, "fifo": fifo})
                for act in acts.split()
            ]
        for act, outcome in zip(acts.split(), outcomes, strict=True):
            assert outcome.ok is act.endswith("return"), outcome.error
        return [outcome.output.split()[0] for outcome in outcomes]

    pids = asyncio.run(calls())
    seen = list(dict.fromkeys(pids))
    return [seen.index(pid) for pid in pids]


CASES = [
    ("raise return raise raise return", [0, 0, 0, 0, 0]),
    ("raise raise raise return", [0, 0, 0, 1]),
    ("left return exit return die return", [0, 1, 1, 2, 2, 3]),
]


@pytest.mark.parametrize("function", ["act", "act_later"])
@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        *CASES,
        ("memory return", [0, 1]),
        ("cancelled return", [0, 0]),
        ("alarm return alarm_return return", [0, 1, 1, 2]),
        ("pool_waits return pool_works return", [0, 0, 0, 1]),
    ],
)
def test_python(
    invoke: Invoke, app: Path, fifo: Path, function: str, acts: str, expected: list[int]
) -> None:
    (app / "index.py").write_text(PYTHON)
    assert hosts(invoke, function, acts, str(fifo)) == expected


@pytest.mark.parametrize("function", ["act", "act_later"])
def test_what_a_failed_call_held_is_closed_before_the_next(
    invoke: Invoke, app: Path, fifo: Path, function: str
) -> None:
    """Such as a transaction, whose lock the next call would meet."""
    (app / "index.py").write_text(PYTHON)

    async def calls() -> list[str]:
        async with FunctionPool(concurrency=1) as pool:
            event = {"fifo": str(fifo)}
            held = await invoke(pool, function, event={**event, "do": "hold"})
            after = await invoke(pool, function, event={**event, "do": "return"})
        return [held.output.strip(), *after.output.split()]

    held, after, closed = asyncio.run(calls())
    assert (held, closed) == (after, "True")


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("function", ["act", "actLater"])
@pytest.mark.parametrize(
    ("acts", "expected"),
    [*CASES, ("aside return", [0, 1]), ("begun return read return", [0, 1, 1, 1])],
)
def test_javascript(
    invoke: Invoke, app: Path, fifo: Path, function: str, acts: str, expected: list[int]
) -> None:
    (app / "index.py").unlink()
    (app / "index.js").write_text(JAVASCRIPT)
    assert hosts(invoke, function, acts, str(fifo)) == expected


def test_an_app_whose_hosts_keep_dying_rests(invoke: Invoke, app: Path) -> None:
    """After seven deaths for longer than anything takes here; other apps do not."""
    (app / "index.py").write_text(PYTHON)

    async def calls() -> list[set[str]]:
        seen = []
        async with FunctionPool(concurrency=1, rests=True) as pool:
            await invoke(pool, "act", event={"do": "return"}, owner="good")
            for act in ("raise", *["die"] * 7):
                await invoke(pool, "act", event={"do": act}, owner="bad")
                seen.append(set(pool.records.resting))
        return seen

    raised, died, *_, last = asyncio.run(calls())
    assert (raised, died, last) == (set(), set(), {"bad"})


@pytest.mark.parametrize(("rests", "expected"), [(True, {"bad"}), (False, set())])
def test_nobody_rests_where_time_is_moved(rests: bool, expected: set[str]) -> None:
    records = HostRecords(rests=rests)
    good = succeeded(duration=0.1)
    dead = failed("during", FailureCause.FUNCTION_EXITED, "it ended", duration=0.1)
    for _ in range(7):
        records.note("good", good, kept=True)
        records.note("bad", dead, kept=False)
    records.note("bad", good, kept=False)
    assert set(records.resting) == expected
    assert (records.suspect("good"), records.suspect("bad")) == (False, True)
    for _ in range(20):
        records.note("bad", good, kept=True)
    assert (set(records.resting), records.suspect("bad")) == (expected, False)
    records.forget("bad")
    assert records.resting == {}

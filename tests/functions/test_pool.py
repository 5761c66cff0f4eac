"""Functions of cloud apps in real processes: whatever they do, the worker goes on."""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from ferryman.domain.outcome import Outcome
from ferryman.functions.call import FunctionCall
from ferryman.functions.enter import HOME_PREFIX
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import (
    LIMITS,
    SECONDS,
    WORKER,
    Invoke,
    hanging,
    once,
    tell,
    told_by,
    watched_below,
)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's processes"),
    pytest.mark.usefixtures("nothing_left"),
]


@pytest.mark.parametrize("function", ["fine", "fine_too", "silent", "surprising", "prints_rubbish"])
def test_a_function_that_returns_has_succeeded(invoke: Invoke, function: str) -> None:
    outcome = once(invoke, function)
    assert outcome.ok
    assert (outcome.stage, outcome.error) == (None, None)
    assert outcome.duration > 0


def test_a_function_sees_its_own_variables_and_nothing_of_the_workers(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_SECRET", "s")
    for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # a function would get the machine's
    given = {"FERRYMAN_URL": "http://127.0.0.1:1", "FERRYMAN_TOKEN": "t", "COLOUR": "blue"}
    seen = json.loads(once(invoke, "variables", environment=given).output)
    assert given.items() <= seen.items()
    usual = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR"}
    usual |= {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert seen.keys() - given.keys() <= usual
    assert not Path(seen["HOME"]).exists()


def test_a_function_may_import_the_sdk_and_its_neighbours(invoke: Invoke, app: Path) -> None:
    outcome = once(invoke, "imports")
    assert outcome.output == f"ferryman next door {app}\n"


def test_a_functions_standard_input_is_empty(invoke: Invoke) -> None:
    """However it is read; what the platform tells the process comes by another way."""
    assert once(invoke, "reads").output == "'' b''\n"


@pytest.mark.parametrize("own", [None, "5000 7 9"])
def test_a_function_has_the_usual_collector_or_its_own(
    invoke: Invoke, app: Path, own: str | None
) -> None:
    # It is held back only while the function is loaded.
    set_own = "" if own is None else f"gc.set_threshold({own.replace(' ', ', ')})"
    code = "def collects(event, context):\n    print(*gc.get_threshold())\n"
    handler = app / "index.py"
    handler.write_text(f"import gc\n{set_own}\n{handler.read_text()}\n{code}")
    command = [sys.executable, "-c", "import gc; print(*gc.get_threshold())"]
    usual = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert once(invoke, "collects").output == (usual if own is None else f"{own}\n")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", "ValueError: no such page: xxxxxxxxxx"),
        ("raises_too", "LookupError: awaited in vain"),
        ("raises_unprintable", "Unprintable"),
        ("raises_text", "ValueError: "),
        ("recurses", "RecursionError"),
        ("throws_text", "exceptions must derive from BaseException"),
        ("exits", "The function called exit instead of returning."),
        ("devours_memory", "MemoryError"),
    ],
)
def test_a_function_that_raises_has_failed(invoke: Invoke, function: str, words: str) -> None:
    outcome = once(invoke, function)
    assert (outcome.ok, outcome.stage) == (False, "after")
    assert outcome.error is not None
    assert words in outcome.error
    assert outcome.error.startswith("Traceback")
    assert "host.py" not in outcome.error
    assert len(outcome.error.encode()) <= 4096
    assert "\0" not in outcome.error


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("exits_at_once", "exit code 7"),
        ("crashes", "SIGSEGV"),
        ("writes_everywhere", "wrote to the descriptor"),
        ("forges_answers", "wrote to the descriptor"),
    ],
)
def test_a_function_whose_process_ends_has_failed(
    invoke: Invoke, function: str, words: str
) -> None:
    outcome = once(invoke, function)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert outcome.error is not None
    assert words in outcome.error


def test_a_function_that_closes_the_channel_has_failed(invoke: Invoke) -> None:
    outcome = once(invoke, "closes_everything", timeout=60)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert "closed the descriptor" in str(outcome.error)


def test_a_function_that_closes_its_output_may_still_succeed(invoke: Invoke) -> None:
    assert once(invoke, "closes_output").ok


@pytest.mark.parametrize(
    "function", ["sleeps", "ignores_everything", "spins", "prints_without_end"]
)
def test_a_function_that_does_not_return_is_ended_at_its_limit(
    invoke: Invoke, function: str
) -> None:
    outcome = once(invoke, function, timeout=1)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert "had not finished after 1 s" in str(outcome.error)
    assert outcome.duration > 0.9


def test_what_was_printed_before_the_limit_is_kept(invoke: Invoke) -> None:
    outputs = (once(invoke, "sleeps", timeout=limit).output for limit in LIMITS)
    assert next(filter(None, outputs)) == "going to sleep\n"


def test_detached_processes_die_at_the_limit(invoke: Invoke, fifo: Path) -> None:
    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            event = {"fifo": str(fifo)}
            return await hanging(
                lambda limit: invoke(pool, "daemon_and_hang", event=event, timeout=limit), fifo
            )

    assert not asyncio.run(call()).ok


@pytest.mark.parametrize("function", ["leaves_daemon", "daemon_and_crash"])
def test_detached_processes_die_with_the_call(invoke: Invoke, fifo: Path, function: str) -> None:
    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            running = invoke(pool, function, event={"fifo": str(fifo)}, timeout=SECONDS)
            task = asyncio.create_task(running)
            daemon = await told_by(fifo)
            await asyncio.to_thread(tell, Path(f"{fifo}.go"), "go")
            outcome = await task
            # Gone by the end of the call, not only with the pool.
            assert daemon.ended(within=0)
            return outcome

    outcome = asyncio.run(call())
    assert outcome.ok is (function == "leaves_daemon")
    assert outcome.ok or "SIGSEGV" in str(outcome.error)


def test_much_output_is_read_and_dropped(invoke: Invoke) -> None:
    outcome = once(invoke, "prints_much", timeout=100)
    assert outcome.ok
    assert outcome.output.startswith("the very first words\nxxx")
    assert outcome.output.endswith("xxxthe very last words\n")
    assert len(outcome.output) <= 8192


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("\ndef silent(:", 'index.py", line 2\n    def silent(:'),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def other(): ...", "defines no function silent"),
        ("silent = 3", "defines no function silent"),
        ("import os; os._exit(4)", "exit code 4"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_a_handler_that_cannot_be_loaded_was_not_called(
    invoke: Invoke, app: Path, content: str, words: str
) -> None:
    (app / "index.py").write_text(content)

    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            return await invoke(pool, "silent")

    outcome = asyncio.run(call())
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert words in str(outcome.error)


def test_loading_has_its_own_limit(invoke: Invoke, app: Path) -> None:
    (app / "index.py").write_text("import time; time.sleep(600)")

    async def call() -> Outcome:
        async with FunctionPool(concurrency=1, start_seconds=1) as pool:
            return await invoke(pool, "silent")

    outcome = asyncio.run(call())
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert "had not loaded after 1 s" in str(outcome.error)


def test_a_missing_source_is_a_failed_attempt(tmp_path: Path) -> None:
    async def call() -> Outcome:
        async with FunctionPool() as pool:
            missing = FunctionCall(
                source=tmp_path / "gone", handler="index.run", event={}, context={}, environment={}
            )
            return await pool.invoke(missing)

    outcome = asyncio.run(call())
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert "handler_file_missing" in str(outcome.error)


def _pid(outcome: Outcome) -> int:
    assert outcome.ok, outcome.error
    return int(outcome.output.split()[0])


def test_a_host_is_used_again_for_the_same_app_and_variables(invoke: Invoke, app: Path) -> None:
    async def calls() -> list[int]:
        async with FunctionPool(concurrency=2) as pool:
            first = {"FERRYMAN_TOKEN": "1", "COLOUR": "blue"}
            other_token = first | {"FERRYMAN_TOKEN": "2"}
            pids = [_pid(await invoke(pool, "fine", environment=first))]
            pids.append(_pid(await invoke(pool, "fine", environment=other_token)))
            other_colour = first | {"COLOUR": "red"}
            pids.append(_pid(await invoke(pool, "fine", environment=other_colour)))
            pids.append(_pid(await invoke(pool, "fine", environment=first, owner="another")))
            return pids

    first, again, coloured, foreign = asyncio.run(calls())
    assert first == again
    assert len({first, coloured, foreign}) == 3


def test_a_changed_file_is_loaded_anew(invoke: Invoke, app: Path) -> None:
    async def calls() -> list[str]:
        async with FunctionPool(concurrency=2) as pool:
            outputs = []
            for word in ("one", "two"):
                (app / "index.py").write_text(f"def run(event, context): print({word!r})")
                outputs.append((await invoke(pool, "run")).output)
            return outputs

    assert asyncio.run(calls()) == ["one\n", "two\n"]


@pytest.mark.parametrize("name", ["importer/notes.py", "src/importer/deep/notes.py", "notes.py"])
def test_a_changed_module_of_the_app_is_loaded_anew(invoke: Invoke, app: Path, name: str) -> None:
    """Wherever it lies; a folder of data beside it that is ever so large is no matter."""
    module = name.removeprefix("src/").removesuffix(".py").replace("/", ".")
    (app / "src" / "index.py").write_text(
        f"from {module} import WORD\n\ndef run(event, context): print(WORD)"
    )
    (app / "index.py").unlink()
    (app / name).parent.mkdir(parents=True, exist_ok=True)
    (app / "src" / "data").mkdir()
    for number in range(1_500):
        (app / "src" / "data" / f"{number}.json").touch()

    async def calls() -> list[str]:
        async with FunctionPool(concurrency=2) as pool:
            outputs = []
            for word in ("one", "two", "six"):
                (app / name).write_text(f"WORD = {word!r}")
                outputs.append((await invoke(pool, "run")).output)
            return outputs

    assert asyncio.run(calls()) == ["one\n", "two\n", "six\n"]


def test_a_host_that_died_while_it_waited_is_replaced(invoke: Invoke) -> None:
    async def calls() -> None:
        async with FunctionPool(concurrency=1) as pool:
            pid = _pid(await invoke(pool, "fine"))
            psutil.Process(pid).kill()
            assert _pid(await invoke(pool, "fine")) != pid

    asyncio.run(calls())


def test_calls_never_share_a_host_at_once_and_hosts_stay_within_the_limit(invoke: Invoke) -> None:
    async def calls() -> int:
        async with FunctionPool(concurrency=3) as pool:
            many = (invoke(pool, "fine", event={"n": n}) for n in range(30))
            outcomes = await asyncio.gather(*many)
            for n, outcome in enumerate(outcomes):
                assert outcome.output.split()[1:] == [str(n), "cloud"]
            return len({_pid(outcome) for outcome in outcomes})

    assert asyncio.run(calls()) <= 3


def test_an_idle_host_is_ended_after_a_while(invoke: Invoke) -> None:
    async def calls() -> bool:
        async with FunctionPool(concurrency=1, idle_seconds=0.1) as pool:
            process = psutil.Process(_pid(await invoke(pool, "fine")))
            gone, _ = await asyncio.to_thread(psutil.wait_procs, [process], 90)
            return bool(gone)

    assert asyncio.run(calls())


def test_the_least_recently_used_host_makes_room(invoke: Invoke) -> None:
    async def calls() -> None:
        async with FunctionPool(concurrency=2) as pool:
            first, second = [_pid(await invoke(pool, "fine", owner=owner)) for owner in "ab"]
            assert _pid(await invoke(pool, "fine", owner="a")) == first
            await invoke(pool, "fine", owner="c")
            assert _pid(await invoke(pool, "fine", owner="a")) == first
            assert _pid(await invoke(pool, "fine", owner="b")) != second

    asyncio.run(calls())


def test_a_cancelled_call_ends_its_processes(invoke: Invoke, fifo: Path) -> None:
    async def call() -> None:
        async with FunctionPool(concurrency=1) as pool:
            running = invoke(pool, "daemon_and_hang", event={"fifo": str(fifo)})
            task = asyncio.create_task(running)
            daemon = await told_by(fifo)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert daemon.ended(within=0)

    asyncio.run(call())


@pytest.mark.parametrize("function", ["daemon_and_hang", "daemon_and_spin"])
def test_everything_dies_with_a_killed_worker(app: Path, fifo: Path, function: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER, str(app), function, str(fifo)]) as worker:
        daemon = asyncio.run(told_by(fifo))
        below = watched_below(worker.pid)
        # The supervisor, the host and the daemon, which the host has adopted or soon will.
        assert len(below) >= 2
        worker.kill()
    assert all(process.ended() for process in (daemon, *below))


@pytest.mark.parametrize(("function", "again"), [("leaves_timer", False), ("leaves_pool", True)])
def test_a_host_with_a_timer_left_takes_no_other_call(
    invoke: Invoke, function: str, again: bool
) -> None:
    """It would go off in the middle of it; threads that wait for work do not count."""

    async def calls() -> tuple[Outcome, Outcome]:
        async with FunctionPool(concurrency=1) as pool:
            return await invoke(pool, function), await invoke(pool, function)

    first, second = asyncio.run(calls())
    assert first.ok, first.error
    assert second.ok, second.error
    assert (second.output.split()[0] == first.output.split()[0]) is again
    note = "[Ferryman: the function returned and left a thread or timer running, which was ended"
    assert (note in first.output) is not again


def test_what_a_killed_supervisor_left_is_removed_at_the_next_start(
    invoke: Invoke, fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of one that lives, nor of anything else there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{HOME_PREFIX}file").touch()
    (tmp_path / f"{HOME_PREFIX}link").symlink_to(fifo.parent)

    def homes() -> set[Path]:
        found = tmp_path.glob(f"{HOME_PREFIX}*")
        return {path for path in found if path.is_dir() and not path.is_symlink()}

    async def call() -> None:
        async with FunctionPool(concurrency=2) as pool:
            await invoke(pool, "fine")
            [warm] = homes()
            hanging = invoke(pool, "tells_and_sleeps", event={"fifo": str(fifo)})
            task = asyncio.create_task(hanging)
            host = await told_by(fifo)
            [left] = homes() - {warm}
            supervisor = psutil.Process(host.pid).parent()
            assert supervisor is not None
            supervisor.kill()
            assert not (await task).ok
            assert host.ended()
            assert left.is_dir()
            async with FunctionPool():
                assert homes() == {warm}

    asyncio.run(call())
    assert homes() == set()
    assert len(list(tmp_path.glob(f"{HOME_PREFIX}*"))) == 2

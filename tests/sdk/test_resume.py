"""Files whose sender or reader was killed, and stores that are ill: real processes and HTTP."""

import json
import os
import pty
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ferryman import Gateway, GatewayError, Migration, MigrationAPIError
from ferryman.sdk import part
from ferryman.sdk.budget import DEFAULT_BUDGET, MAX_PARALLEL
from ferryman.sdk.download_file import ranges_at_once
from ferryman.sdk.operation import Request
from ferryman.sdk.resume import SendRecord
from tests.kit import forked
from tests.kit.digests import parts_sha256
from tests.kit.memory import most_memory
from tests.kit.platform import wait_until

from .proxy import Passed, proxy
from .running import Platform, Running, serving

MIB, PART = 1 << 20, 5 << 20
KILLS = [5, pytest.param(50, marks=pytest.mark.soak)]

Put = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="module")
def way() -> Iterator[Passed]:
    """What lies between an app and the store."""
    with proxy() as passed:
        yield passed


@pytest.fixture(scope="module")
def near(way: Passed) -> Iterator[Platform]:
    """A platform whose object URLs lead through the proxy."""
    own = {"FERRYMAN_PUBLIC_URL": way.url, "FERRYMAN_PART_BYTES": str(PART)}
    with (
        tempfile.TemporaryDirectory(prefix="ferryman-resume-") as name,
        pytest.MonkeyPatch.context() as env,
    ):
        Path(name).chmod(0o755)
        for variable, value in own.items():
            env.setenv(variable, value)
        with serving(Path(name) / "data") as platform:
            way.target = platform.url
            yield platform


@pytest.fixture
def running(near: Platform, way: Passed) -> Running:
    way.reset()
    return near.transfer()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311


def command(
    running: Running, state: Path, *arguments: str, stderr: int = subprocess.PIPE
) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "FERRYMAN_URL": running.url,
        "FERRYMAN_SERVER_TOKEN": running.server_token,
        "FERRYMAN_TOKEN": running.cloud_token,
        "XDG_STATE_HOME": str(state),
    }
    return forked.Popen(
        [sys.executable, "-m", "ferryman", "data", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def put(running: Running, state: Path, source: Path, *more: str) -> "subprocess.Popen[bytes]":
    own = ("--transfer", running.transfer_id, "--label", "dump", "--json")
    return command(running, state, "put", str(source), *own, *more)


def done(process: "subprocess.Popen[bytes]") -> Any:
    """The last event of a command that succeeds."""
    out, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "done"
    return last


def failed(process: "subprocess.Popen[bytes]") -> str:
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    return errors.decode()


def kill_after(way: Passed, process: "subprocess.Popen[bytes]", size: int) -> None:
    """Kill a sender once so many bytes of its parts have come through."""
    come = 0

    def watch(piece: int) -> None:
        nonlocal come
        come += piece
        if come >= size:
            process.kill()

    with way.lock:
        way.watch = watch
    process.communicate(timeout=180)
    # What had come whole is stored by now: a store is not slower than a restart.
    way.idle()
    with way.lock:
        way.watch = None


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", KILLS)
def test_a_sender_killed_anywhere_is_gone_on_with(
    near: Platform, running: Running, way: Passed, state: Path, tmp_path: Path, kills: int
) -> None:
    source, chance = tmp_path / "source", random.Random(20)  # noqa: S311 - spreads kills
    resumed = 0
    for kill in range(10 * kills):
        if kill >= kills and resumed > kills:
            break
        way.parts.clear()
        data = noise(8 * PART + 17, kill)
        source.write_bytes(data)
        first = put(running, state, source)
        kill_after(way, first, chance.randrange(1, len(data)))
        assert first.returncode == -9
        receipt = done(put(running, state, source))
        assert receipt["partsSha256"] == parts_sha256(data, PART)
        assert receipt["partsSent"] + receipt["partsResumed"] == 9
        assert way.again <= 1
        assert len(way.parts) == 9
        resumed += receipt["partsResumed"]
        assert len(near.events(running, "uploaded:app_data")) == kill + 1
        with Migration(running.url, running.cloud_token) as migration:
            assert migration.get_app_data_payload(receipt["key"]).content() == data
    assert resumed > kills, "too few kills left parts behind: the test proves nothing"
    assert [path.suffix for path in (state / "ferryman/uploads").iterdir()] == [".lock"]


def test_a_kill_after_the_last_byte_gives_the_same_file(
    near: Platform, running: Running, way: Passed, state: Path, tmp_path: Path
) -> None:
    """The journal is there and the file is registered: nothing is sent and nothing announced."""
    source = tmp_path / "source"
    source.write_bytes(noise(PART + 1))
    folder = state / "ferryman/uploads"
    # Keep a copy of the journal, as if the process had died just before it removed it.
    answers = way.answers = threading.Semaphore(1)
    first = put(running, state, source)
    wait_until(lambda: noted_parts(state))
    [(name, journal)] = [(path.name, path.read_bytes()) for path in folder.glob("*.jsonl")]
    answers.release()
    receipt = done(first)
    way.answers = None
    (folder / name).write_bytes(journal)
    again = done(put(running, state, source))
    assert (again["key"], again["messageId"]) == (receipt["key"], receipt["messageId"])
    assert again["partsSent"] == 0
    assert len(near.events(running, "uploaded:app_data")) == 1
    assert not (folder / name).exists()
    # And a file that is put once more on purpose is another file.
    assert done(put(running, state, source))["key"] != receipt["key"]


@pytest.mark.parametrize("times", ["new", "old"])
def test_a_source_that_was_changed_is_refused(
    running: Running, way: Passed, state: Path, tmp_path: Path, times: str
) -> None:
    """With its old times a file gives itself away only by a part that its sender noted."""
    source = tmp_path / "source"
    source.write_bytes(noise(6 * PART))
    before = source.stat()
    # Parts go at once and come in any order: told of one of them, the sender waits for the rest.
    answers = way.answers = threading.Semaphore(1)
    first = put(running, state, source)
    noted = wait_until(lambda: noted_parts(state))
    first.kill()
    first.communicate(timeout=180)
    way.answers = None
    answers.release(6)
    way.idle()
    with source.open("r+b") as file:
        file.seek((noted[0] - 1) * PART)
        file.write(b"changed")
    if times == "old":
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "changed" in failed(put(running, state, source))
    again = done(put(running, state, source, "--restart"))
    assert again["partsSha256"] == parts_sha256(source.read_bytes(), PART)


def noted_parts(state: Path) -> list[int]:
    """The numbers of the parts in the one journal that there is."""
    for journal in (state / "ferryman/uploads").glob("*.jsonl"):
        return [json.loads(line)["number"] for line in journal.read_bytes().splitlines()[1:]]
    return []


def test_two_processes_do_not_send_the_same_file_at_once(
    running: Running, way: Passed, state: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(noise(3 * PART))
    answers = way.answers = threading.Semaphore(0)
    first = put(running, state, source)
    wait_until(lambda: way.parts)
    assert "another process" in failed(put(running, state, source))
    answers.release(3)
    done(first)


def test_a_torn_or_foreign_journal_is_no_obstacle(
    running: Running, state: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    facts = source.stat()
    sending = SendRecord(
        url=running.url,
        transfer_id=running.transfer_id,
        label="dump",
        path=str(source.resolve()),
        size=3,
        mtime_ns=facts.st_mtime_ns,
        resume_key="k",
    )
    folder = state / "ferryman/uploads"
    folder.mkdir(parents=True)
    for text in (b"", b"nonsense", b'{"url": 1}'):
        (folder / sending.name).write_bytes(text)
        assert done(put(running, state, source))["size"] == 3


def test_a_refused_file_leaves_no_journal(running: Running, state: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    nowhere = command(running, state, "put", str(source), "--transfer", "nothing")
    assert "transfer_not_found" in failed(nowhere)
    assert not list((state / "ferryman/uploads").glob("*.jsonl"))


def test_without_a_place_for_its_journal_a_file_is_sent_all_the_same(
    running: Running, tmp_path: Path
) -> None:
    source, blocked = tmp_path / "source", tmp_path / "blocked"
    source.write_bytes(b"abc")
    blocked.write_bytes(b"a file where a folder should be")
    process = put(running, blocked, source)
    out, errors = process.communicate(timeout=180)
    assert process.returncode == 0
    assert b"resuming is off" in errors
    assert json.loads(out.splitlines()[-1])["size"] == 3  # after progress, on a slow machine


def test_a_listener_that_is_called_anew_goes_on(
    near: Platform, running: Running, way: Passed
) -> None:
    data = noise(6 * PART + 5)
    with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
        stream = gateway.create_app_data("notes", resume_key="notes")
        assert stream.receipt is None
        stream.write(data[: 5 * PART])
    with pytest.raises(GatewayError, match="abandoned"):
        stream.close()
    # Parts on the wire end by themselves.
    for thread in threading.enumerate():
        if thread.name.startswith("ferryman-part"):
            thread.join()
    assert 0 < len(way.parts) < 7
    with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
        with gateway.create_app_data("notes", resume_key="notes") as stream:
            stream.write(data)
        receipt = stream.receipt
        assert receipt is not None
        assert receipt.parts_sha256 == parts_sha256(data, PART)
        assert way.again <= 1
        # Called once more, it finds the file registered, whether it writes it again or not.
        for written in (data, b""):
            with gateway.create_app_data("notes", resume_key="notes") as stream:
                assert stream.receipt == receipt
                stream.write(written)
            assert stream.receipt == receipt
        other = gateway.create_app_data("notes", resume_key="notes")
        other.write(b"something else")
        with pytest.raises(GatewayError) as caught:
            other.complete()
        assert caught.value.code == "source_changed"
        with pytest.raises(GatewayError) as relabelled:
            gateway.create_app_data("others", resume_key="notes").complete()
        assert relabelled.value.code == "resume_key_taken"
    assert len(near.events(running, "uploaded:app_data")) == 1


def test_a_stream_that_is_made_anew_may_differ(running: Running, way: Passed) -> None:
    """What was not announced is nobody's file: parts that differ are sent again."""
    old, new = noise(3 * PART), noise(3 * PART, 1)
    data = old[:PART] + new[PART:]
    gateway = Gateway(running.url, running.server_token, running.transfer_id)
    with pytest.raises(TypeError), gateway.create_app_data(resume_key="k") as stream:
        stream.writelines([old, None])  # type: ignore[list-item]
    with gateway.create_app_data(resume_key="k") as stream:
        stream.write(data)
    assert stream.receipt is not None
    with Migration(running.url, running.cloud_token) as migration:
        assert migration.get_app_data_payload(stream.receipt.key).content() == data
    gateway.close()


def test_an_abandoned_file_begins_from_the_start(running: Running, near: Platform) -> None:
    with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
        stream = gateway.create_app_data(resume_key="k")
        stream.write(noise(2 * PART))
        stream.abandon()
        with gateway.create_app_data(resume_key="k") as again:
            again.write(b"x")
    assert again.receipt is not None
    assert len(near.events(running, "uploaded:app_data")) == 1


@pytest.fixture
def stored(running: Running, way: Passed) -> tuple[str, bytes]:
    """A file of five parts."""
    data = noise(4 * PART + 99)
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        gateway.create_app_data("f") as stream,
    ):
        stream.write(data)
    assert stream.receipt is not None
    way.reset()
    return stream.receipt.key, data


def test_a_reader_killed_in_the_middle_is_gone_on_with(
    running: Running, way: Passed, stored: tuple[str, bytes], state: Path, tmp_path: Path
) -> None:
    key, data = stored
    target = tmp_path / "copy"
    target.write_bytes(b"the old one")
    # Two parts come, and the reader waits for the third.
    answers = way.answers = threading.Semaphore(2)
    first = command(running, state, "get", key, "-o", str(target))
    partial = tmp_path / f".copy.{key[:8]}.partial"
    wait_until(lambda: partial.exists() and partial.stat().st_size == 2 * PART)
    first.kill()
    first.communicate()
    way.answers = None
    answers.release(3)
    assert target.read_bytes() == b"the old one"
    with partial.open("r+b") as file:
        file.seek(17)
        file.write(b"rot")
    last = done(command(running, state, "get", key, "-o", str(target), "--json"))
    assert target.read_bytes() == data
    assert last["partsSha256"] == parts_sha256(data, PART)
    assert not partial.exists()


def flip(body: bytes) -> bytes:
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "flipped": flip,
    "truncated": lambda body: body[:-1],
    "swapped": lambda body: body[PART:] + body[:PART],
    "empty": lambda _body: b"",
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_spoiled_on_the_way_is_fetched_again(
    running: Running, way: Passed, stored: tuple[str, bytes], how: str
) -> None:
    key, data = stored
    way.spoil_gets.append(SPOILED[how])
    with Migration(running.url, running.cloud_token) as migration:
        assert migration.get_app_data_payload(key).content() == data
    assert len(way.gets) > 1


@pytest.mark.parametrize("how", SPOILED)
def test_what_stays_spoiled_reaches_no_reader(
    running: Running, way: Passed, stored: tuple[str, bytes], how: str, state: Path, tmp_path: Path
) -> None:
    key, data = stored
    way.spoil_gets.extend([SPOILED[how]] * 100)
    given = bytearray()
    migration = Migration(running.url, running.cloud_token, retry_seconds=0.5)
    with pytest.raises(MigrationAPIError):
        read_into(given, migration, key)
    assert data.startswith(given)
    assert len(given) < len(data)
    migration.close()
    if how == "flipped":
        target = tmp_path / "copy"
        assert "sha256" in failed(command(running, state, "get", key, "-o", str(target)))
        assert not target.exists()


def read_into(given: bytearray, migration: Migration, key: str) -> None:
    """Take every byte that is given, until the end or the error."""
    with migration.get_app_data_payload(key) as payload:
        while piece := payload.read(1000):
            given += piece


@pytest.mark.parametrize("how", ["flipped", "truncated", "empty"])
def test_what_is_spoiled_on_the_way_up_is_sent_again(
    running: Running, way: Passed, how: str
) -> None:
    data = noise(3 * PART)
    way.spoil_puts.append(SPOILED[how])
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        gateway.create_app_data() as stream,
    ):
        stream.write(data)
    assert stream.receipt is not None
    with Migration(running.url, running.cloud_token) as migration:
        assert migration.get_app_data_payload(stream.receipt.key).content() == data


def test_parts_that_are_swapped_on_the_way_up_are_sent_again(running: Running, way: Passed) -> None:
    data = noise(2 * PART)
    first, second = data[:PART], data[PART:]
    swapped = {first: second, second: first}
    way.spoil_puts.extend([swapped.__getitem__] * 2)
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        gateway.create_app_data() as stream,
    ):
        stream.write(data)
    assert not way.spoil_puts
    assert stream.receipt is not None
    with Migration(running.url, running.cloud_token) as migration:
        assert migration.get_app_data_payload(stream.receipt.key).content() == data


def test_a_store_that_does_not_answer_is_asked_again(
    running: Running, way: Passed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minute after which a sender stops to wait is made a second for its first two tries."""
    seconds = iter([1.0, 1.0])
    monkeypatch.setattr(part, "Request", lambda **of: Request(**of, timeout=next(seconds, 60.0)))
    data = noise(2 * PART)
    way.silent = 2
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        gateway.create_app_data() as stream,
    ):
        stream.write(data)
    assert way.silent == 0
    assert stream.receipt is not None
    assert stream.receipt.parts_sha256 == parts_sha256(data, PART)
    assert way.again == 0


def test_a_busy_store_and_broken_connections_are_waited_out(
    running: Running, way: Passed, stored: tuple[str, bytes], state: Path, tmp_path: Path
) -> None:
    key, data = stored
    source, target = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data)
    way.busy = 7
    assert done(put(running, state, source))["partsSent"] == 5
    way.busy = 4
    way.cut.extend([MIB, 0, 17, 3 * MIB])
    done(command(running, state, "get", key, "-o", str(target), "--json"))
    assert target.read_bytes() == data


def test_progress_is_told_to_scripts(
    running: Running, stored: tuple[str, bytes], state: Path, tmp_path: Path
) -> None:
    key, data = stored
    process = command(
        running, state, "get", key, "-o", str(tmp_path / "copy"), "--json", "--bandwidth", "8M"
    )
    out, _ = process.communicate(timeout=180)
    *progress, last = map(json.loads, out.splitlines())
    assert progress
    for event in progress:
        assert set(event) == {
            *("event", "bytes", "totalBytes", "bytesPerSecond", "secondsLeft"),
        }
        assert (event["event"], event["totalBytes"]) == ("progress", len(data))
        assert 0 < event["bytesPerSecond"] < 12e6
    assert [e["bytes"] for e in progress] == sorted(e["bytes"] for e in progress)
    assert (last["event"], last["size"]) == ("done", len(data))


def test_a_pipe_gets_proven_bytes(running: Running, stored: tuple[str, bytes], state: Path) -> None:
    key, data = stored
    out, _ = command(running, state, "get", key).communicate(timeout=180)
    assert out == data
    assert (
        "standard output" in command(running, state, "get", key, "--json").communicate()[1].decode()
    )


def test_a_pipe_leaves_the_terminal_to_the_bar(
    running: Running, stored: tuple[str, bytes], state: Path
) -> None:
    key, data = stored
    here, there = pty.openpty()
    with command(running, state, "get", key, stderr=there) as process:
        os.close(there)
        assert process.stdout is not None
        with ThreadPoolExecutor(1) as pool:
            shown = pool.submit(until_closed, here)
            assert process.stdout.read() == data
            assert f"Reading {key}" in shown.result()


def until_closed(terminal: int) -> str:
    """What a terminal was sent until its other side closed."""
    text = b""
    with suppress(OSError):
        while piece := os.read(terminal, 65_536):
            text += piece
    os.close(terminal)
    return text.decode()


def test_another_app_learns_nothing_of_parts(
    near: Platform, running: Running, stored: tuple[str, bytes]
) -> None:
    key, _ = stored
    other = near.transfer()
    with Migration(running.url, other.cloud_token) as migration:
        with pytest.raises(MigrationAPIError) as foreign:
            migration.get_app_data_payload(key)
        with pytest.raises(MigrationAPIError) as nothing:
            migration.get_app_data_payload("0" * 8 + key[8:])
    assert (foreign.value.status, foreign.value.code) == (nothing.value.status, nothing.value.code)
    assert foreign.value.status == 404


SLACK = 24 * MIB
"""What an interpreter, its threads and its allocator vary by."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the greatest memory")
def test_memory_is_parts_in_flight_and_does_not_grow_with_the_file(
    running: Running, state: Path, tmp_path: Path
) -> None:
    """Up: (parts in flight + 1) x part size. Down: a mebibyte for each range."""
    target = tmp_path / "copy"
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.touch()
    os.truncate(large, 30 * PART)
    least = most_memory(put(running, state, small))
    in_flight = min(MAX_PARALLEL, DEFAULT_BUDGET // PART)
    assert most_memory(put(running, state, large)) - least <= (in_flight + 1) * PART + SLACK
    with Migration(running.url, running.cloud_token) as migration:
        [key] = [f.key for f in migration.iter_app_data(running.transfer_id) if f.file_size != 1]
    down = most_memory(command(running, state, "get", key, "-o", str(target)))
    assert down - least <= ranges_at_once(30 * PART) * MIB + SLACK
    assert target.stat().st_size == 30 * PART

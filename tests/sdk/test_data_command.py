"""``ferryman data`` against a real platform, and what importing the package costs."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import forked
from tests.kit.digests import parts_sha256
from tests.kit.platform import wait_until

from .running import Platform, Running


def data(
    running: Running, *arguments: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    environment = {
        **os.environ,
        "FERRYMAN_URL": running.url,
        "FERRYMAN_SERVER_TOKEN": running.server_token,
        "FERRYMAN_TOKEN": running.cloud_token,
    }
    command = [sys.executable, "-m", "ferryman", "data", *arguments]
    return forked.run(
        command, input=stdin, capture_output=True, env=environment, timeout=180, check=False
    )


def test_a_file_is_put_listed_and_got(running: Running, tmp_path: Path) -> None:
    source = tmp_path / "notes.bin"
    source.write_bytes(os.urandom(9_000_000))
    put = data(running, "put", str(source), "--transfer", running.transfer_id, "--label", "ä")
    assert put.returncode == 0, put.stderr
    key, size, _, name, digest = put.stdout.decode().split()
    assert (size, name) == ("9000000", "partsSha256")
    assert digest == parts_sha256(source.read_bytes(), 8 << 20)
    whole = data(running, "put", str(source), "--transfer", running.transfer_id, "--whole-sha256")
    digest = whole.stdout.decode().split()[-1]
    assert digest == hashlib.sha256(source.read_bytes()).hexdigest()
    listed = data(running, "list", "--transfer", running.transfer_id)
    assert f"{key}  ä" in listed.stdout.decode().splitlines()
    copy = tmp_path / "copy"
    assert data(running, "get", key, "-o", str(copy)).returncode == 0
    assert copy.read_bytes() == source.read_bytes()
    assert data(running, "get", key).stdout == source.read_bytes()


def test_standard_input_is_put_and_answers_are_json(running: Running) -> None:
    put = data(running, "put", "-", "--transfer", running.transfer_id, "--json", stdin=b"abc")
    # The last line: what takes longer than a second says how far it is.
    receipt = json.loads(put.stdout.splitlines()[-1])
    assert (receipt["size"], receipt["label"], put.stderr) == (3, None, b"")
    listed = data(running, "list", "--transfer", running.transfer_id, "--json")
    assert json.loads(listed.stdout) == [{"key": receipt["key"], "label": None}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_standard_input_is_read_gives_the_file_up(
    platform: Platform, running: Running, number: signal.Signals
) -> None:
    """The file counts as missing, with a reason; it does not stay open until the deadline."""
    command = [sys.executable, "-m", "ferryman", "data", "put", "-", "--label", "cut"]
    command += ["--transfer", running.transfer_id, "--url", running.url]
    command += ["--token", running.server_token]
    with forked.Popen[bytes](command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(bytes(9_000_000))
        process.stdin.flush()
        wait_until(lambda: "upload.begun" in kinds(platform, running))
        process.send_signal(number)
        assert process.wait(timeout=180) == 128 + number
    told = [each["data"] for each in platform.timeline(running) if each["kind"] == "upload.aborted"]
    assert [(each["label"], each["reason"]) for each in told] == [("cut", "writer_failed")]


@pytest.mark.parametrize("size", [3, 9_000_000])
@pytest.mark.parametrize("option", ["--size", "--sha256"])
def test_a_pipe_that_ends_too_early_is_refused(
    platform: Platform, running: Running, option: str, size: int
) -> None:
    """A pipe says nothing of a writer that failed; all that tells is what was to come."""
    whole = bytes(size)
    put = ("put", "-", "--transfer", running.transfer_id, "--label", "dump", option)
    expected = str(size) if option == "--size" else hashlib.sha256(whole).hexdigest().upper()
    cut = data(running, *put, expected, stdin=whole[:-1])
    assert cut.returncode == 1
    assert f"{size - 1} bytes in all" in cut.stderr.decode()
    listed = data(running, "list", "--transfer", running.transfer_id, "--json")
    assert json.loads(listed.stdout) == []
    incomplete = data(running, "complete", "--transfer", running.transfer_id)
    assert "export_incomplete" in incomplete.stderr.decode()
    assert data(running, *put, expected, stdin=whole).returncode == 0
    assert data(running, "complete", "--transfer", running.transfer_id).returncode == 0


def test_what_a_pipe_is_to_hold_is_checked_first(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for given in (("-", "--sha256", "abc"), (str(file), "--size", "1")):
        put = data(running, "put", *given, "--transfer", running.transfer_id)
        assert put.returncode == 1
        assert b"expected --s" in put.stderr


def kinds(platform: Platform, running: Running) -> list[str]:
    return [each["kind"] for each in platform.timeline(running)]


@pytest.mark.parametrize(
    "arguments",
    [("NAME", "--label", "good"), ("plain", "--label", os.fsdecode(b"caf\xe9"))],
    ids=["name", "label"],
)
def test_what_is_not_utf8_is_refused_before_anything_is_sent(
    running: Running, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    for name in (b"caf\xe9", b"plain"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    file = str(tmp_path / arguments[0].replace("NAME", os.fsdecode(b"caf\xe9")))
    put = data(running, "put", file, *arguments[1:], "--transfer", running.transfer_id)
    assert put.returncode == 1
    assert b"UTF-8" in put.stderr
    assert rb"\udce9" in put.stderr
    assert len(put.stderr.splitlines()) == 1
    listed = data(running, "list", "--transfer", running.transfer_id, "--json")
    assert json.loads(listed.stdout) == []


@pytest.mark.parametrize(
    "terminal", [{"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "20"}], ids=["ascii", "narrow"]
)
def test_a_terminal_that_lacks_signs_or_room_ends_no_command(
    running: Running, tmp_path: Path, terminal: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be shown is shown by its number; JSON stays JSON."""
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    source = tmp_path / "Bücher"
    source.write_bytes(b"x")
    transfer = ("--transfer", running.transfer_id)
    put = data(running, "put", str(source), "--label", "☃", *transfer)
    assert put.returncode == 0, put.stderr
    listed = data(running, "list", *transfer)
    assert listed.returncode == 0, listed.stderr
    assert "☃".encode() in listed.stdout or rb"\u2603" in listed.stdout
    as_json = data(running, "list", *transfer, "--json")
    assert [each["label"] for each in json.loads(as_json.stdout)] == ["☃"]
    helped = data(running, "put", "--help")
    assert helped.returncode == 0, helped.stderr


def test_a_refusal_is_one_sentence_and_status_1(running: Running) -> None:
    answer = data(running, "put", "-", "--transfer", "nothing")
    assert answer.returncode == 1
    assert b"transfer_not_found" in answer.stderr
    assert b"Traceback" not in answer.stderr
    missing = data(running, "put", "/no/such/file", "--transfer", running.transfer_id)
    assert missing.returncode == 1
    assert b"Traceback" not in missing.stderr


HEAVY = "aiohttp typer rich litestar asyncpg pydantic cryptography"


def test_a_file_larger_than_the_platform_takes_is_not_even_read(
    running: Running, tmp_path: Path
) -> None:
    source = tmp_path / "vast"
    source.touch()
    os.truncate(source, 50_000_000_001)
    answer = data(running, "put", str(source), "--transfer", running.transfer_id)
    assert answer.returncode == 1
    assert b"at most 50000000000 bytes" in answer.stderr


def test_the_package_is_light_to_import() -> None:
    program = (
        "import sys, ferryman;"
        f"heavy = '{HEAVY}'.split();"
        "assert not {'urllib3', *heavy} & set(sys.modules);"
        "ferryman.Gateway, ferryman.Migration, ferryman.run_agent;"
        "assert not set(heavy) & set(sys.modules), set(heavy) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=90)


def test_without_aiohttp_the_async_client_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import ferryman; ferryman.Migration\n"
        "try: ferryman.AsyncMigration\n"
        "except ImportError as error: assert 'WHEEL[async]' in str(error)\n"
        "else: raise SystemExit('no error')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=90)


def test_every_public_name_is_there() -> None:
    program = "import ferryman; [getattr(ferryman, name) for name in ferryman.__all__]"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=90)

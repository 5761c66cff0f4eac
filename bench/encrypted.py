"""Files encrypted in the data folder: one up and down with a key, against the same without one.

Two platforms run, and each round sends SIZES (64M and 640M) to both, in turns, so what the machine
does beside counts for both. Processor seconds are those of the platform. The limits are a bare loop
of AES-GCM from file to file, without a network or a digest, and ``openssl enc``, whose command has
no GCM and so takes CTR. ROUNDS (5) rounds, of which the median counts.
"""

import base64
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench._cpu import cpu_of
from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure
from bench.uploads import download, parse_size, show_size, upload, write_source
from ferryman.objects.sealing import CHUNK

SIZES = "64M,640M"
BARE, OPENSSL = "bare AES-GCM loop", "openssl enc -aes-256-ctr"


@dataclass
class Side:
    """A platform with a key or without, and what its rounds took."""

    platform: Platform
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, work: Callable[[], float]) -> None:
        """Do it, and note its seconds and the platform's processor seconds."""
        before = cpu_of(self.platform.pid)
        self.seconds.setdefault(what, []).append(work())
        self.cpu.setdefault(what, []).append(cpu_of(self.platform.pid) - before)


def run() -> list[Figure]:
    """Send and read each size in turns; return the medians."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    sizes = [parse_size(text) for text in os.environ.get("SIZES", SIZES).split(",")]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with ExitStack() as stack:
            key = base64.b64encode(os.urandom(32)).decode()
            keyed = serving(folder / "keyed", object_key=key)
            plain = serving(folder / "plain")
            sides = [Side(stack.enter_context(each)) for each in (keyed, plain)]
            for size in sizes:
                figures += _measured(folder, sides, size, rounds)
    return figures


def _measured(folder: Path, sides: list[Side], size: int, rounds: int) -> list[Figure]:
    source, copy, shown = folder / "source", folder / "copy", show_size(size)
    write_source(source, size)
    limits: dict[str, list[float]] = {BARE: [], OPENSSL: []}
    for number in range(rounds):
        for side in sides if number % 2 else sides[::-1]:
            _there_and_back(side, source, copy, shown)
        limits[BARE].append(_bare(source, copy))
        limits[OPENSSL].append(_openssl(source, copy))
    keyed, plain = sides
    if not all(path.suffix == ".sealed" for path in _stored(keyed.platform.data_dir)):
        raise SystemExit("files of the platform with a key are not encrypted")
    figures = []
    for way in ("upload", "download"):
        what = f"{way} {shown}"
        ours = median(keyed.seconds[what])
        peers = {"without a key": median(plain.seconds[what])}
        peers |= {name: median(found) for name, found in limits.items()}
        figures += [_figure(f"{what}, encrypted", ours, peer, name) for name, peer in peers.items()]
        spent = median(keyed.cpu[what]), median(plain.cpu[what])
        figures.append(_figure(f"platform's CPU, {what}, encrypted", *spent, "without a key"))
    return figures


def _there_and_back(side: Side, source: Path, copy: Path, shown: str) -> None:
    platform = side.platform
    token, transfer_id = begin_transfer(platform)  # the reader reads its only file
    side.note(f"upload {shown}", lambda: upload(platform, token, transfer_id, source)[0])
    side.note(f"download {shown}", lambda: download(platform, transfer_id, source, copy)[0])


def _stored(data: Path) -> list[Path]:
    found = (data / "objects" / "objects").rglob("*-*")
    return [path for path in found if path.is_file()]


def _figure(figure: str, ours: float, peer: float, name: str) -> Figure:
    return Figure(figure=figure, unit="s", ours=ours, peer=peer, peer_name=name)


def _bare(source: Path, copy: Path) -> float:
    """Seconds of encrypting from file to file, until it is on disk."""
    os.sync()
    started, cipher = time.perf_counter(), AESGCM(os.urandom(32))
    with source.open("rb", buffering=0) as read, copy.open("wb", buffering=0) as write:
        number = 0
        while chunk := read.read(CHUNK):
            write.write(cipher.encrypt(number.to_bytes(12), chunk, None))
            number += 1
        os.fsync(write.fileno())
    seconds = time.perf_counter() - started
    copy.unlink()
    return seconds


def _openssl(source: Path, copy: Path) -> float:
    os.sync()
    started = time.perf_counter()
    key = ("-K", os.urandom(32).hex(), "-iv", os.urandom(16).hex())
    command = ["openssl", "enc", "-aes-256-ctr", *key, "-in", str(source), "-out", str(copy)]
    subprocess.run(command, check=True)
    with copy.open("rb") as written:
        os.fsync(written.fileno())
    seconds = time.perf_counter() - started
    copy.unlink()
    return seconds

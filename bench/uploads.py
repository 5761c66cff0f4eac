"""Gateway to local store and back, against ``cp`` and ``sha256sum``.

Both sides get the same bytes in the same run, from the page cache. Ours crosses two processes,
is hashed twice (by the sender and by the store) and is on disk at the end; ``cp`` leaves its copy
in the page cache. On the way back the reader hashes it, and it is on disk at the end, too.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from bench._platform import Platform, begin_transfer, cloud_token, serving
from bench.report import Figure

MIB = 1 << 20
LIMIT_MIB = 256
UNITS = {"K": 1 << 10, "M": MIB, "G": 1 << 30}


def run() -> list[Figure]:
    """Upload and read a tenth of SIZE (default 400 MiB of 4 GiB), then SIZE."""
    size = parse_size(os.environ.get("SIZE", "4G"))
    small = 400 * MIB if size == 4 << 30 else max(size // 10, MIB)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with serving(folder / "data") as platform:
            token, transfer_id = begin_transfer(platform)
            for each in (small, size):
                source = folder / "source"
                write_source(source, each)
                seconds, gateway_mib, platform_mib = upload(platform, token, transfer_id, source)
                peer = copy_and_hash(source, folder / "copy")
                shown = show_size(each)
                figures.append(
                    Figure(
                        figure=f"upload {shown}, local",
                        unit="s",
                        ours=seconds,
                        peer=peer,
                        peer_name="cp + sha256sum",
                    )
                )
                seconds, reader_mib = download(platform, transfer_id, source, folder / "copy")
                figures.append(
                    Figure(
                        figure=f"download {shown}, local",
                        unit="s",
                        ours=seconds,
                        peer=peer,
                        peer_name="cp + sha256sum",
                    )
                )
                figures.append(memory(f"reader memory at {shown}", reader_mib))
                figures.append(memory(f"gateway memory at {shown}", gateway_mib))
                figures.append(memory(f"platform memory at {shown}", platform_mib))
    return figures


def memory(figure: str, mebibytes: float) -> Figure:
    """Greatest resident memory, against the limit we promise."""
    return Figure(figure=figure, unit="MiB", ours=mebibytes, peer=LIMIT_MIB, peer_name="limit")


def upload(
    platform: Platform, token: str, transfer_id: str, source: Path
) -> tuple[float, float, float]:
    """Seconds, and the greatest resident MiB of the gateway's and the platform's process."""
    os.sync()  # what was written before must not compete for the disk
    command = [sys.executable, "-m", "bench._send", platform.url, transfer_id, str(source)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        Watch(process.pid) as gateway,
        Watch(platform.pid) as server,
    ):
        out, _ = process.communicate(token + "\n")
    if process.returncode:
        raise SystemExit("the upload failed, see above")
    return float(out), gateway.most / MIB, server.most / MIB


def download(
    platform: Platform, transfer_id: str, source: Path, target: Path
) -> tuple[float, float]:
    """Seconds, and the greatest resident MiB of the reader."""
    os.sync()
    command = [sys.executable, "-m", "bench._carry", "get", platform.url, transfer_id]
    with (
        subprocess.Popen(
            [*command, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        Watch(process.pid) as reader,
    ):
        out, _ = process.communicate(cloud_token(platform) + "\n")
    if process.returncode:
        raise SystemExit("the download failed, see above")
    if not filecmp.cmp(source, target, shallow=False):
        raise SystemExit("what was read is not what was sent")
    target.unlink()
    return float(out), reader.most / MIB


def copy_and_hash(source: Path, copy: Path) -> float:
    """Seconds of the peer."""
    os.sync()
    started = time.perf_counter()
    subprocess.run(["cp", str(source), str(copy)], check=True)
    subprocess.run(["sha256sum", str(copy)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    copy.unlink()
    return seconds


def write_source(path: Path, size: int) -> None:
    """Bytes that do not compress: random ones, each MiB stamped with its place."""
    block = os.urandom(64 * MIB)
    with path.open("wb") as file:
        for number in range(0, size, MIB):
            at = (number * 7) % (63 * MIB)
            stamped = number.to_bytes(8, "big") + block[at + 8 : at + min(MIB, size - number)]
            file.write(stamped)


class Watch:
    """Samples the resident memory of one process; ``most`` is the greatest seen, in bytes."""

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.02):
            try:
                self.most = max(self.most, self._process.memory_info().rss)
            except psutil.NoSuchProcess:
                return


def parse_size(text: str) -> int:
    """``64M`` in bytes."""
    unit = UNITS.get(text[-1:].upper())
    return int(text[:-1]) * unit if unit else int(text)


def show_size(size: int) -> str:
    """Bytes for people."""
    for unit in ("GiB", "MiB", "KiB"):
        worth = UNITS[unit[0]]
        if size >= worth:
            return f"{size / worth:g} {unit}"
    return f"{size} B"


if shutil.which("sha256sum") is None:
    raise SystemExit("this benchmark compares with sha256sum, which is not installed")

"""A listener in Java against the Python gateway: one large file, and many small ones, local store.

Both write the same amounts to the same platform in the same run. The JVM has the options of the
how-to, and its largest resident size must stay below 256 MiB.
SIZE=64M and COUNT=1000 make it smaller.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure, MissingError
from bench.s3 import carried
from bench.uploads import LIMIT_MIB, parse_size, show_size
from ferryman.errors import ConfigError
from ferryman.java import agent_jar, java_command

MIB = 1 << 20
LISTENER = Path(__file__).parent / "listeners" / "Bulk.java"


def run() -> list[Figure]:
    """SIZE (1 GiB) through one stream, then COUNT (10,000) files of 20 kB, eight at once."""
    size = parse_size(os.environ.get("SIZE", "1G"))
    count = int(os.environ.get("COUNT", "10000"))
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        _compile(folder / "classes")
        with serving(folder / "data") as platform:
            large, mib = _java(platform, folder, f"-Dbulk.mib={size // MIB}")
            token, transfer_id = begin_transfer(platform)
            large_peer = carried("_carry", token, "one", platform.url, transfer_id, str(size))
            small, many_mib = _java(platform, folder, f"-Dbulk.files={count}")
            token, transfer_id = begin_transfer(platform)
            told = ("many", platform.url, transfer_id, str(count), "20000")
            small_peer = carried("_carry", token, *told)
    peer = "Python gateway"
    files = f"{count:,} files of 20 kB, Java"
    return [
        Figure(
            figure=f"upload {show_size(size)}, Java, local",
            unit="s",
            ours=large,
            peer=large_peer,
            peer_name=peer,
        ),
        Figure(figure=files, unit="s", ours=small, peer=small_peer, peer_name=peer),
        Figure(
            figure="resident, Java, -Xmx192m",
            unit="MiB",
            ours=max(mib, many_mib),
            peer=LIMIT_MIB,
            peer_name="limit",
        ),
    ]


def _compile(classes: Path) -> None:
    if shutil.which("javac") is None:
        raise MissingError("a JDK, such as Debian's openjdk-17-jdk-headless")
    try:
        jar = agent_jar()
    except ConfigError as missing:
        raise MissingError(str(missing)) from None
    command = ["javac", "--release", "11", "-cp", str(jar), "-d", str(classes), str(LISTENER)]
    subprocess.run(command, check=True)


def _java(platform: Platform, folder: Path, option: str) -> tuple[float, float]:
    """Run the listener for a transfer of its own; its seconds, and the JVM's largest MiB."""
    token, _ = begin_transfer(platform)
    out = folder / "seconds"
    java, *rest = java_command(str(folder / "classes"), "--listener", "Bulk", "--once")
    os.sync()
    process = subprocess.Popen(
        [java, "-Xmx192m", "-XX:+UseSerialGC", f"-Dbulk.out={out}", option, *rest],
        env={**os.environ, "FERRYMAN_URL": platform.url, "FERRYMAN_SERVER_TOKEN": token},
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the JVM ended with {process.returncode}")
    return float(out.read_text()), usage.ru_maxrss / 1024

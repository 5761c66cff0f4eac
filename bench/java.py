"""A listener in Java against the Python gateway: one large file, and many small ones, local store.

Both write the same amounts to the same platform, in interleaved rounds; the CPU seconds are of the
client's process, its start included. The JVM has the options of the how-to, and its largest
resident size must stay below 256 MiB. SIZE=64M, COUNT=1000 and ROUNDS=1 make it smaller; SIZE=0
leaves the large file out. JVM has more options for the JVM.
"""

import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench._bootstrap import interval
from bench._cpu import Spent, spent
from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure, MissingError
from bench.uploads import LIMIT_MIB, parse_size, show_size
from ferryman.errors import ConfigError
from ferryman.java import agent_jar, java_command

MIB = 1 << 20
LISTENER = Path(__file__).parent / "listeners" / "Bulk.java"
PEER = "Python gateway"


def run() -> list[Figure]:
    """SIZE (1 GiB) through one stream, and COUNT (10,000) files of 20 kB, ROUNDS (3) times."""
    size = parse_size(os.environ.get("SIZE", "1G"))
    count = int(os.environ.get("COUNT", "10000"))
    java: defaultdict[str, list[Spent]] = defaultdict(list)
    python: defaultdict[str, list[Spent]] = defaultdict(list)
    resident: list[float] = []
    large, small = f"upload {show_size(size)}", f"{count:,} files of 20 kB"
    sides: dict[str, tuple[str, ...]] = {}
    if size:
        sides[large] = (f"-Dbulk.mib={size // MIB}", "one", str(size))
    sides[small] = (f"-Dbulk.files={count}", "many", str(count), "20000")
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        _compile(folder / "classes")
        with serving(folder / "data") as platform:
            for _ in range(int(os.environ.get("ROUNDS", "3"))):
                for told, (option, verb, *amount) in sides.items():
                    done, mib = _java(platform, folder, option)
                    java[told].append(done)
                    resident.append(mib)
                    token, transfer_id = begin_transfer(platform)
                    arguments = (verb, platform.url, transfer_id, *amount)
                    python[told].append(spent("_carry", *arguments, given=token))
    figures = [
        Figure(
            figure=f"{told}, Java, local{what}",
            unit="s",
            ours=median(ours),
            peer=median(peer),
            peer_name=PEER,
            interval=interval(ours, peer),
            target=target,
        )
        for told in sides
        for what, ours, peer, target in (
            (
                "",
                [each.seconds for each in java[told]],
                [each.seconds for each in python[told]],
                0.8 if told == large else 1.0,
            ),
            (", CPU", [each.cpu for each in java[told]], [each.cpu for each in python[told]], None),
        )
    ]
    return [
        *figures,
        Figure(
            figure="resident, Java, -Xmx192m",
            unit="MiB",
            ours=max(resident),
            peer=LIMIT_MIB,
            peer_name="limit",
            target=1,
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


def _java(platform: Platform, folder: Path, option: str) -> tuple[Spent, float]:
    """Run the listener for a transfer of its own: what it spent, and the JVM's largest MiB."""
    token, _ = begin_transfer(platform)
    out = folder / "seconds"
    java, *rest = java_command(str(folder / "classes"), "--listener", "Bulk", "--once")
    more = os.environ.get("JVM", "").split()
    os.sync()
    process = subprocess.Popen(
        [java, "-Xmx192m", "-XX:+UseSerialGC", *more, f"-Dbulk.out={out}", option, *rest],
        env={**os.environ, "FERRYMAN_URL": platform.url, "FERRYMAN_SERVER_TOKEN": token},
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the JVM ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(float(out.read_text()), cpu), usage.ru_maxrss / 1024

"""The Java of this machine: it compiles listeners, and runs the agent with them."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ferryman.java import JAR
from tests.kit.agents import LoggedProcess
from tests.kit.migration import AppMigration
from tests.kit.platform import unavailable

ROOT = Path(__file__).parents[2]

QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options for a JVM that runs for seconds: it compiles once, and collects by one thread."""


def has_jdk() -> bool:
    """Return whether there is a JDK."""
    return all(map(shutil.which, ("javac", "jar", "java")))


def agent_jar() -> Path:
    """Return ``ferryman-agent.jar``, built as `make java` does; skip the test without a JDK."""
    if not has_jdk():
        unavailable("a JDK: javac, jar and java (Debian: openjdk-17-jdk-headless)")
    # Several workers of one test run may want it at once.
    with (Path(tempfile.gettempdir()) / "ferryman-agent-jar.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", "java"], cwd=ROOT, check=True)
    return JAR


def compile_listeners(sources: Path, jar: Path, out: Path) -> Path:
    """Compile all classes below ``sources`` against the jar alone, and copy their services."""
    files = [str(path) for path in sources.rglob("*.java")]
    compiler = ["javac", *(f"-J{option}" for option in QUICK), "--release", "11", "-Xlint:all"]
    subprocess.run([*compiler, "-Werror", "-cp", jar, "-d", out, *files], check=True)
    if (services := sources / "META-INF").is_dir():
        shutil.copytree(services, out / "META-INF")
    return out


class JavaAgent(LoggedProcess):
    """A JVM with the agent's main class and a listener; use it in a ``with`` block."""

    def __init__(
        self,
        migration: AppMigration,
        classpath: str,
        folder: Path,
        *options: str,
        jvm: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        path = folder / "agent.log"
        registration = migration.registration
        with path.open("ab") as log:
            process = subprocess.Popen(
                [
                    *("java", "-Xmx192m", *QUICK, f"-Dtest.folder={folder}", *jvm),
                    *("-cp", classpath, "io.ferryman.agent.Main"),
                    *("--key", registration["serverAppKey"], *options),
                ],
                cwd=folder,
                env={
                    **os.environ,
                    "FERRYMAN_URL": migration.platform.url,
                    "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
                    **(env or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        super().__init__(process, path)

    def __enter__(self) -> "JavaAgent":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

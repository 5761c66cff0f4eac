"""The Java of this machine: it compiles listeners, and runs the agent with them."""

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ferryman.java import JAR
from tests.kit.agents import LoggedProcess
from tests.kit.migration import AppMigration
from tests.kit.platform import unavailable

ROOT = Path(__file__).parents[2]

JAVA = ("java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A JVM that lives for a second or two: what it would compile best it would hardly run.

One that has to digest many megabytes does so in a third of the time with all levels, 4.
"""

_JAVAC = ("javac", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1")


def has_jdk() -> bool:
    """Return whether there is a JDK."""
    return all(map(shutil.which, ("javac", "jar", "java")))


@cache
def agent_jar() -> Path:
    """Return ``ferryman-agent.jar``, built as `make java` does; skip the test without a JDK."""
    if not has_jdk():
        unavailable("a JDK: javac, jar and java (Debian: openjdk-17-jdk-headless)")
    # Several workers of one test run may want it at once.
    with (Path(tempfile.gettempdir()) / "ferryman-agent-jar.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", "java"], cwd=ROOT, check=True)
    return JAR


@cache
def compile_listeners(sources: Path) -> Path:
    """Compile all classes below ``sources`` against the jar alone, and copy their services.

    Return the folder of the classes, which is made once for a test run.
    """
    jar = agent_jar()
    out = Path(tempfile.mkdtemp(prefix="ferryman-listeners-"))
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    files = [str(path) for path in sources.rglob("*.java")]
    subprocess.run(
        [*_JAVAC, *("--release", "11", "-Xlint:all", "-Werror"), "-cp", jar, "-d", out, *files],
        check=True,
    )
    if (services := sources / "META-INF").is_dir():
        shutil.copytree(services, out / "META-INF")
    return out


def classpath(listeners: Path) -> str:
    """Return a class path of the jar, and of the classes in that folder before it."""
    return os.pathsep.join(map(str, (listeners, agent_jar())))


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
                    *(*JAVA, f"-Dtest.folder={folder}", *jvm),
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

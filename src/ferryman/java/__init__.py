"""The agent for listeners written in Java: its jar, and the command that runs it.

The jar is built from ``java/`` by `make java` and is part of every wheel that was built where a JDK
is. Nothing else needs Java.
"""

import os
import shutil
from pathlib import Path

from ferryman import refusals

JAR: Path = Path(__file__).with_name("ferryman-agent.jar")
MAIN = "io.ferryman.agent.Main"


def agent_jar() -> Path:
    """Return the jar; raises ``ConfigError`` (``agent_jar_missing``) if it was not built."""
    if not JAR.is_file():
        raise refusals.command.AGENT_JAR_MISSING(jar=JAR)
    return JAR


def java_command(classpath: str, *options: str) -> list[str]:
    """Return the command that runs the agent with the jars and folders of ``classpath``.

    The JVM is that of ``JAVA_HOME``, else the first in the ``PATH``; it reads its own options from
    ``JDK_JAVA_OPTIONS``. Raises ``ConfigError``: ``java_not_found``, ``agent_jar_missing``.
    """
    jar = agent_jar()
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java is None:
        where = f"none in {home}/bin, which JAVA_HOME names" if home else "none in the PATH"
        raise refusals.command.JAVA_NOT_FOUND(found=where)
    return [java, "-cp", os.pathsep.join((classpath, str(jar))), MAIN, *options]

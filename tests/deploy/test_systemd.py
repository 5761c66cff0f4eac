"""The units of systemd: it reads them without a word, and their settings exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.config import Settings
from tests.kit.unit_file import service

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


def _verify(unit: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_COLORS": "0"},
    )


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("ferryman")
    text = unit.read_text().replace("/opt/ferryman/bin/ferryman", str(installed))
    copy = tmp_path / unit.name.replace("@.", "@1.")
    # systemd before 254 does not know it, says so, and goes on without.
    copy.write_text(text.replace("DelegateSubgroup=main\n", ""))
    checked = _verify(copy)
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_systemd
def test_systemd_names_a_misspelt_key(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    unit = tmp_path / "ferryman.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nProtectSistem=strict\n")
    assert "ProtectSistem" in _verify(unit).stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_nothing_forbids_the_sandbox_of_functions(unit: Path) -> None:
    """The kernel refuses a new /proc where parts of the old one are covered."""
    names = {line.partition("=")[0] for line in unit.read_text().splitlines()}
    assert not names & {
        *("RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc"),
        *("ProtectControlGroups", "ProcSubset", "SystemCallFilter", "MemoryDenyWriteExecute"),
    }


def test_the_settings_of_the_example_exist() -> None:
    names = re.findall(r"^#? ?(FERRYMAN_\w+)=", (SYSTEMD / "ferryman.env").read_text(), re.M)
    assert len(names) >= 5
    assert {name.removeprefix("FERRYMAN_").lower() for name in names} <= set(Settings.model_fields)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What a unit needs of a root: its user, which is ours here, and its settings."""
    etc = tmp_path / "etc"
    (etc / "ferryman").mkdir(parents=True)
    (etc / "passwd").write_text(f"ferryman:x:{os.getuid()}:{os.getgid()}::/var/lib/ferryman:\n")
    shutil.copy(SYSTEMD / "ferryman.env", etc / "ferryman")
    return tmp_path


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_can_be_followed_without_systemd(unit: Path, root: Path) -> None:
    """Each directive is applied by ``make bare-root``, or it is said why it is not."""
    line = service(unit, root).line()
    assert {"--ro-bind", "--no-new-privs", "--bounding-set=-all", "--reuid=ferryman"} <= {*line}
    assert line[line.index("FERRYMAN_DATA_DIR") + 1] == "/var/lib/ferryman"
    assert (root / "var/lib/ferryman").stat().st_mode & 0o777 == 0o700


def test_a_directive_that_nobody_thought_of_is_refused(root: Path, tmp_path: Path) -> None:
    unit = tmp_path / "ferryman.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nProtectKernelModules=yes\n")
    with pytest.raises(AssertionError, match="ProtectKernelModules"):
        service(unit, root)

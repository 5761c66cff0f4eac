"""Write the result of a migration as JUnit XML, which every CI reads."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import typer

from ferryman import refusals
from ferryman.cli.output.printing import refuse
from ferryman.client.explanation import first_broken, late_failure
from ferryman.client.text import refusal_facts
from ferryman.errors import ConfigError
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import TransferExplanation, TransferView

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class JUnitCase:
    """A migration; if it could not run, ``ended`` is None and ``error`` the reason.

    ``broken`` is the first broken link of its explanation; ``complaint`` is the reason to fail a
    migration that ended as expected.
    """

    name: str
    expect: TransferStatus
    ended: TransferStatus | None = None
    error: str = "it was interrupted"
    broken: str | None = None
    complaint: str | None = None
    output: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Return whether it ended with another status, or with a complaint."""
        return self.ended is not None and (self.ended is not self.expect or bool(self.complaint))

    @property
    def reason(self) -> str:
        """Return in one line why it failed."""
        if self.ended is self.expect:
            return f"ended as {self.ended}, but {self.complaint}"
        why = f"; broken at {self.broken}" if self.broken else ""
        return f"expected {self.expect}, ended as {self.ended}{why}"


def write_report(file: Path, case: JUnitCase) -> None:
    """Write a suite of one test; raises ``ConfigError`` (``report_unwritable``)."""
    counts = {
        "tests": "1",
        "failures": str(int(case.failed)),
        "errors": str(int(case.ended is None)),
        "skipped": "0",
        "time": f"{case.seconds:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "ferryman migrate", **counts})
    facts = {"classname": "ferryman.migrate", "name": _text(case.name), "time": counts["time"]}
    test = ET.SubElement(suite, "testcase", facts)
    if case.ended is None:
        first = case.error.partition("\n")[0]
        ET.SubElement(test, "error", {"message": _text(first)}).text = _text(case.error)
    elif case.failed:
        facts = {"message": _text(case.reason)}
        ET.SubElement(test, "failure", facts).text = _text(case.output)
    if case.output:
        ET.SubElement(test, "system-out").text = _text(case.output)
    ET.indent(root)
    try:
        file.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise refusals.command.REPORT_UNWRITABLE(file=file, found=error.strerror) from None


def _text(text: str) -> str:
    """Return a text without the characters that XML cannot represent."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def judge(
    case: JUnitCase, view: TransferView, explanation: TransferExplanation, *, lenient: bool
) -> None:
    """Add the result and the complaint to the report."""
    case.ended = view.status
    if link := first_broken(explanation):
        case.broken = f"{link.name}: {link.found}"
    if (late := late_failure(explanation)) and not lenient:
        case.complaint = late.found


@contextmanager
def reported(file: Path | None, expect: TransferStatus) -> Iterator[JUnitCase]:
    """Write the report in every case, even if the migration could not run."""
    case, began = JUnitCase("A migration", expect), time.monotonic()
    if file is not None:
        _write(file, case)  # found out before hours of work, and left behind by one that is killed
    try:
        yield case
    except typer.Exit as left:
        # The context of the exit is the refusal that led to it.
        case.error = str(left.__context__ or "refused before anything was sent")
        raise
    finally:
        case.seconds = time.monotonic() - began
        if file is not None:
            _write(file, case)


def _write(file: Path, case: JUnitCase) -> None:
    try:
        write_report(file, case)
    except ConfigError as refused:
        refuse(refusal_facts(refused))

"""What came of a migration as JUnit XML, which every CI reads."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from ferryman.errors import ConfigError
from ferryman.vocab import TransferStatus

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Case:
    """One migration; ``ended`` is None, and ``error`` why, where it could not be carried.

    ``broken`` is the link of its explanation that is broken first; ``complaint`` is what makes it
    fail although it ended as expected.
    """

    name: str
    expect: TransferStatus
    ended: TransferStatus | None = None
    error: str = "it was broken off"
    broken: str | None = None
    complaint: str | None = None
    output: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it came to an end, but to another one, or with something to complain of."""
        return self.ended is not None and (self.ended is not self.expect or bool(self.complaint))

    @property
    def said(self) -> str:
        """Why it failed, in a line."""
        if self.ended is self.expect:
            return f"ended as {self.ended}, but {self.complaint}"
        why = f"; broken at {self.broken}" if self.broken else ""
        return f"expected {self.expect}, ended as {self.ended}{why}"


def write_report(file: Path, case: Case) -> None:
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
        facts = {"message": _text(case.said)}
        ET.SubElement(test, "failure", facts).text = _text(case.output)
    if case.output:
        ET.SubElement(test, "system-out").text = _text(case.output)
    ET.indent(root)
    try:
        file.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise ConfigError(
            "report_unwritable",
            expected=f"to write {file}",
            found=f"{error.strerror}",
            fix="Give a file in a folder that is there.",
        ) from None


def _text(text: str) -> str:
    """Leave out what XML cannot carry in any form."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)

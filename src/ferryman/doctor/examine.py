"""All checks, in the order in which their findings are told."""

from collections.abc import Callable, Iterator

from ferryman.doctor import (
    forge_services,
    manifest_checks,
    order_checks,
    route_checks,
    setup_checks,
    source_checks,
)
from ferryman.doctor.finding import Finding, Severity
from ferryman.doctor.snapshot import Snapshot

Check = Callable[[Snapshot], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *manifest_checks.CHECKS,
    *route_checks.CHECKS,
    *source_checks.CHECKS,
    *forge_services.CHECKS,
    *order_checks.CHECKS,
    *setup_checks.CHECKS,
)


def examine(seen: Snapshot) -> list[Finding]:
    """What is wrong, errors first, then by file and line; each thing once."""
    found = dict.fromkeys(finding for check in CHECKS for finding in check(seen))
    return sorted(
        found, key=lambda each: (each.severity is not Severity.ERROR, each.file, each.line or 0)
    )

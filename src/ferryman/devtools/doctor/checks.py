"""All checks, and the order in which their findings are reported."""

from collections.abc import Callable, Iterator

from ferryman.devtools.doctor import (
    forge_services,
    forge_sql,
    manifest_checks,
    order_checks,
    package_checks,
    route_checks,
    runtime_checks,
    setup_checks,
    source_checks,
)
from ferryman.devtools.doctor.finding import Finding, Severity
from ferryman.devtools.doctor.snapshot import AppSnapshot

Check = Callable[[AppSnapshot], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *manifest_checks.CHECKS,
    *runtime_checks.CHECKS,
    *route_checks.CHECKS,
    *source_checks.CHECKS,
    *package_checks.CHECKS,
    *forge_services.CHECKS,
    *forge_sql.CHECKS,
    *order_checks.CHECKS,
    *setup_checks.CHECKS,
)


def run_checks(seen: AppSnapshot) -> list[Finding]:
    """Return all findings without duplicates: errors first, then by file and line."""
    findings = dict.fromkeys(finding for check in CHECKS for finding in check(seen))
    return sorted(
        findings, key=lambda each: (each.severity is not Severity.ERROR, each.file, each.line or 0)
    )

"""Dependencies between the transfers of one app (transfers, Multi-transfer).

A listener may split its app's part of a migration into named transfers. A dependency refers to a
name, and the newest transfer of that name counts. So a re-run replaces the transfer it repeats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ferryman import refusals
from ferryman.domain.limits import TRANSFER_DEFINITIONS
from ferryman.vocab import TransferStatus


@dataclass(frozen=True, slots=True)
class Definition:
    """A transfer as a listener declares it; without ``access_scopes`` the listener's apply."""

    name: str
    blocking: bool = True
    depends_on: tuple[str, ...] = ()
    access_scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DependentTransfer:
    """The fields of a transfer that the dependency rules need."""

    status: TransferStatus
    blocking: bool = True
    depends_on: tuple[str, ...] = ()
    skipped: bool = False
    """Whether it was skipped because of a failure, rather than by the admin."""

    @property
    def failed(self) -> bool:
        """Whether transfers that depend on it cannot run; INCOMPLETE does not stop them."""
        return self.blocking and self.status in _FAILURES


class DependencyState(StrEnum):
    """Possible steps of a transfer, given the state of its dependencies."""

    WAIT = "WAIT"
    GO = "GO"
    SKIP = "SKIP"


_FAILURES = frozenset(
    {
        TransferStatus.FAILED,
        TransferStatus.TIMED_OUT,
        TransferStatus.CANCELLED,
        TransferStatus.SKIPPED,
    }
)

_WORST_FIRST = (
    TransferStatus.FAILED,
    TransferStatus.TIMED_OUT,
    TransferStatus.CANCELLED,
    TransferStatus.INCOMPLETE,
    TransferStatus.SKIPPED,
    TransferStatus.SUCCESS,
)


def readiness(dependencies: Iterable[DependentTransfer]) -> DependencyState:
    """Return SKIP if any blocking dependency failed, WAIT until all are settled, else GO."""
    members = list(dependencies)
    if any(member.failed for member in members):
        return DependencyState.SKIP
    if all(member.status.final for member in members):
        return DependencyState.GO
    return DependencyState.WAIT


def to_skip(members: Mapping[str, DependentTransfer], name: str) -> dict[str, str]:
    """Return the transfers that can never run now that ``name`` is settled.

    Maps each name to the failed dependency. ``members`` holds the newest transfer of each name. The
    result is transitive, so that all of them can be skipped together.
    """
    now = dict(members)
    skipped: dict[str, str] = {}
    ended = [name]
    while ended:
        failed = ended.pop()
        if not now[failed].failed:
            continue
        for other, member in now.items():
            if failed in member.depends_on and member.status is TransferStatus.READY:
                skipped[other] = failed
                ended.append(other)
        for other in ended:
            now[other] = replace(now[other], status=TransferStatus.SKIPPED, skipped=True)
    return skipped


def to_run_again(members: Mapping[str, DependentTransfer], name: str) -> list[str]:
    """Return the skipped transfers that can run again when ``name`` is re-run.

    ``members`` holds the newest transfer of each name. Each returned name comes after its
    dependencies.
    """
    now = {**members, name: DependentTransfer(TransferStatus.READY, members[name].blocking)}
    again: list[str] = []
    revived = {name}
    while True:
        freed = [
            other
            for other, member in now.items()
            if member.skipped
            and revived & set(member.depends_on)
            and readiness(now[needed] for needed in member.depends_on) is not DependencyState.SKIP
        ]
        if not freed:
            return _after_dependencies(again, members)
        for other in freed:
            now[other] = DependentTransfer(
                TransferStatus.READY, now[other].blocking, now[other].depends_on
            )
        again += freed
        revived |= set(freed)


def _after_dependencies(
    names: Sequence[str], members: Mapping[str, DependentTransfer]
) -> list[str]:
    """Sort names so that each comes after its dependencies."""
    ordered: list[str] = []
    left = list(names)
    while left:
        free = [name for name in left if not set(left) & set(members[name].depends_on)]
        ordered += free
        left = [name for name in left if name not in free]
    return ordered


def app_status(members: Sequence[DependentTransfer]) -> TransferStatus:
    """Return the status of an app's part: READY, then IN_PROGRESS until all end, then the worst."""
    statuses = {member.status for member in members}
    if statuses == {TransferStatus.READY}:
        return TransferStatus.READY
    if not all(status.final for status in statuses):
        return TransferStatus.IN_PROGRESS
    return next(status for status in _WORST_FIRST if status in statuses)


def in_order(definitions: Sequence[Definition]) -> list[Definition]:
    """Sort definitions so that each follows its dependencies, otherwise keeping their order.

    Raises :class:`Invalid` or :class:`LimitExceeded` for definitions that cannot be run.
    """
    _check(definitions)
    waiting = list(definitions)
    placed: list[Definition] = []
    while waiting:
        names = {definition.name for definition in placed}
        ready = next((member for member in waiting if names.issuperset(member.depends_on)), None)
        if ready is None:
            raise refusals.transfer.DEFINITION_CYCLE(
                names=", ".join(member.name for member in waiting)
            )
        waiting.remove(ready)
        placed.append(ready)
    return placed


def _check(definitions: Sequence[Definition]) -> None:
    if len(definitions) > TRANSFER_DEFINITIONS:
        raise refusals.transfer.TOO_MANY_DEFINITIONS(
            limit=TRANSFER_DEFINITIONS, count=len(definitions)
        )
    names = [definition.name for definition in definitions]
    for name in names:
        if not name.strip():
            raise refusals.transfer.NAME_INVALID(name=name)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise refusals.transfer.NAME_REPEATED(name=repeated[0])
    for definition in definitions:
        if unknown := sorted(set(definition.depends_on) - set(names)):
            raise refusals.transfer.DEPENDENCY_UNKNOWN(
                names=", ".join(names), dependency=unknown[0], name=definition.name
            )

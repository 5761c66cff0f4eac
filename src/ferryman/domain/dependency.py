"""Transfers of one app that depend on each other (transfers, Multi-transfer).

A listener may split its app's part of a migration into named transfers. A dependency is on a
name: of several transfers with that name the newest counts, so a re-run takes the place of what
it repeats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ferryman.domain.limits import TRANSFER_DEFINITIONS
from ferryman.errors import Invalid, LimitExceeded
from ferryman.vocab import TransferStatus


@dataclass(frozen=True, slots=True)
class Definition:
    """One transfer as a listener declares it; ``access_scopes`` None: those of the listener."""

    name: str
    blocking: bool = True
    depends_on: tuple[str, ...] = ()
    access_scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """What the rules need to know of a transfer that others may depend on."""

    status: TransferStatus
    blocking: bool = True
    depends_on: tuple[str, ...] = ()
    skipped: bool = False
    """Whether a failure skipped it, rather than the admin."""

    @property
    def failed(self) -> bool:
        """Whether what depends on it cannot run: INCOMPLETE is something to go on with."""
        return self.blocking and self.status in _FAILURES


class Readiness(StrEnum):
    """What those it depends on mean for a transfer."""

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


def readiness(dependencies: Iterable[Member]) -> Readiness:
    """Skip on the first failure of a blocking one, else wait until all are settled."""
    known = list(dependencies)
    if any(member.failed for member in known):
        return Readiness.SKIP
    if all(member.status.final for member in known):
        return Readiness.GO
    return Readiness.WAIT


def to_skip(members: Mapping[str, Member], name: str) -> dict[str, str]:
    """What can never run now that ``name`` is settled: each with the failure that it hangs on.

    ``members`` holds the newest transfer of each name. All that follow from each other are
    there, so that they can be skipped together.
    """
    now = dict(members)
    skipped: dict[str, str] = {}
    ended = [name]
    while ended:
        failed = ended.pop()
        if not now[failed].failed:
            continue
        for each, member in now.items():
            if failed in member.depends_on and member.status is TransferStatus.READY:
                skipped[each] = failed
                ended.append(each)
        for each in ended:
            now[each] = replace(now[each], status=TransferStatus.SKIPPED, skipped=True)
    return skipped


def to_run_again(members: Mapping[str, Member], name: str) -> list[str]:
    """The names that a re-run of ``name`` brings back: skipped by a failure, and free of it now.

    ``members`` holds the newest transfer of each name. The answer is in an order in which each
    comes after those it depends on.
    """
    now = {**members, name: Member(TransferStatus.READY, members[name].blocking)}
    again: list[str] = []
    revived = {name}
    while True:
        found = [
            each
            for each, member in now.items()
            if member.skipped
            and revived & set(member.depends_on)
            and readiness(now[other] for other in member.depends_on) is not Readiness.SKIP
        ]
        if not found:
            return _after_dependencies(again, members)
        for each in found:
            now[each] = Member(TransferStatus.READY, now[each].blocking, now[each].depends_on)
        again += found
        revived |= set(found)


def _after_dependencies(names: Sequence[str], members: Mapping[str, Member]) -> list[str]:
    """The names again, each after those of them that it depends on."""
    ordered: list[str] = []
    left = list(names)
    while left:
        free = [each for each in left if not set(left) & set(members[each].depends_on)]
        ordered += free
        left = [each for each in left if each not in free]
    return ordered


def app_status(members: Sequence[Member]) -> TransferStatus:
    """One status for an app's part: READY, then IN_PROGRESS until all ended, then the worst."""
    statuses = {member.status for member in members}
    if statuses == {TransferStatus.READY}:
        return TransferStatus.READY
    if not all(status.final for status in statuses):
        return TransferStatus.IN_PROGRESS
    return next(status for status in _WORST_FIRST if status in statuses)


def in_order(definitions: Sequence[Definition]) -> list[Definition]:
    """Each after those it depends on, otherwise as declared; raises where that is not possible."""
    _check(definitions)
    waiting = list(definitions)
    placed: list[Definition] = []
    while waiting:
        names = {definition.name for definition in placed}
        ready = next((each for each in waiting if names.issuperset(each.depends_on)), None)
        if ready is None:
            raise Invalid(
                "transfer_definition_cycle",
                expected="transfer definitions that do not depend on each other in a circle",
                found="no way to begin with " + ", ".join(each.name for each in waiting)[:400],
                fix="Take one of these dependencies out.",
            )
        waiting.remove(ready)
        placed.append(ready)
    return placed


def _check(definitions: Sequence[Definition]) -> None:
    if len(definitions) > TRANSFER_DEFINITIONS:
        raise LimitExceeded(
            "too_many_transfer_definitions",
            expected=f"at most {TRANSFER_DEFINITIONS} transfer definitions",
            found=str(len(definitions)),
            fix="Export more in each transfer; labels can tell its files apart.",
        )
    names = [definition.name for definition in definitions]
    for name in names:
        if not name.strip():
            raise Invalid(
                "transfer_name_invalid",
                expected="a transfer name that is not empty",
                found=repr(name)[:80],
                fix="Name each transfer definition.",
            )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(
            "transfer_name_repeated",
            expected="transfer definitions with a name of their own each",
            found=f"{repeated[0][:80]!r} more than once",
            fix="Rename one of them.",
        )
    for definition in definitions:
        if unknown := sorted(set(definition.depends_on) - set(names)):
            raise Invalid(
                "transfer_dependency_unknown",
                expected="dependencies on transfers of the same listener: "
                + ", ".join(names)[:400],
                found=f"{unknown[0][:80]!r}, for {definition.name[:80]!r}",
                fix="Correct the name, or declare a transfer definition with it.",
            )

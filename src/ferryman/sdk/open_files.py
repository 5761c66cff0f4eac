"""Keep account of the unfinished files of a gateway: neither registered nor abandoned.

The platform counts them too, but does not know of a small file before it is closed.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from ferryman.sdk.errors import ConflictError
from ferryman.sdk.safe_trace import error_place

EXPORT_INCOMPLETE = "export_incomplete"
"""The code of the refusal to complete an export that has unfinished files."""

_NAMED = 10
_MANY = "upload_many"


@dataclass(eq=False, slots=True)
class OpenFile:
    """One unfinished file; ``failed`` says why its writer failed, None while it is open.

    ``key`` is its resume key; two with one key are the same file. ``many`` is the call of
    ``upload_many`` that it belongs to, which is kept here like a file, with the labels that it
    reached. ``replaced`` tells the platform that the failed file is not missing any more;
    ``wait_for_wire`` returns once nothing of the failed file is being sent.
    """

    label: str | None
    key: str | None
    begun: int
    failed: str | None = None
    failed_at: int = 0
    many: "OpenFile | None" = None
    labels: set[str] | None = None
    replaced: Callable[[], object] | None = None
    wait_for_wire: Callable[[], object] | None = None

    def __str__(self) -> str:
        name = "a file without a label" if self.label is None else f"{self.label!r}"[:80]
        return f"{name} ({'still open' if self.failed is None else self.failed})"


@dataclass(slots=True)
class OpenFiles:
    """Holds the unfinished files of one gateway; safe to use from several threads."""

    _lock: Lock = field(default_factory=Lock)
    _moments: "count[int]" = field(default_factory=lambda: count(1))
    _open: dict[OpenFile, None] = field(default_factory=dict)
    _failed: list[OpenFile] = field(default_factory=list)
    _dropped: deque[Callable[[], object]] = field(default_factory=deque)
    _give_ups: deque[Callable[[], object]] = field(default_factory=deque)

    def begin(
        self, label: str | None, key: str | None = None, many: OpenFile | None = None
    ) -> OpenFile:
        """Add a file that was opened."""
        with self._lock:
            file = OpenFile(label, key, next(self._moments), many=many)
            self._open[file] = None
            if many is not None and many.labels is not None and label is not None:
                many.labels.add(label)
        return file

    def fail(self, file: OpenFile, why: str, replaced: Callable[[], object] | None = None) -> bool:
        """Note that its writer failed; returns False if it had failed or ended before."""
        with self._lock:
            if file not in self._open:
                return False
            del self._open[file]
            file.failed, file.failed_at = why, next(self._moments)
            file.replaced = replaced
            self._failed.append(file)
        return True

    def wait_for_wire(self, file: OpenFile) -> None:
        """Wait until no earlier try of a file sends anything under its resume key.

        A part on the wire cannot be called back, and would take the place of the new try's.
        """
        with self._lock:
            tries = [each.wait_for_wire for each in self._failed if _is_try(file, each)]
        for wait in tries:
            if wait is not None:
                wait()

    def end(self, file: OpenFile, *, registered: bool) -> None:
        """Remove a file that is registered, or was abandoned.

        A registered file replaces those of its resume key that failed before it was begun, and one
        that has its label and no key: its writer tried again.
        """
        with self._lock:
            self._open.pop(file, None)
            if not self._failed:
                return
            failed = [each for each in self._failed if each is not file]
            if registered:
                failed = [each for each in failed if not _is_try(file, each)]
                again = next((each for each in failed if _has_label(file, each)), None)
                failed = [each for each in failed if each is not again]
            self._failed = failed

    @contextmanager
    def work_on_many(self, name: str | None) -> Iterator[OpenFile]:
        """Keep account of a call of ``upload_many``, which fails as a whole and can be repeated.

        A repetition has the same name, or reaches all of its labels again.
        """
        # A key that no listener gives to a file.
        work = self.begin(_MANY, key=None if name is None else f"\0{name}")
        work.labels = set()
        try:
            yield work
        except BaseException as error:
            why = f"stopped by {error_place(error, roots=sys.path)}; repeat it with all of its "
            self.fail(work, f"{why}labels, or under its name")
            raise
        with self._lock:
            self._open.pop(work, None)
            again = [file for file in self._failed if _is_repeated(work, file)]
            gone = [file for file in self._failed if file in again or file.many in again]
            self._failed = [file for file in self._failed if file not in gone]
        for file in gone:
            if file.replaced is not None:
                self.queue_give_up(file.replaced)

    def drop(self, fail: Callable[[], object]) -> None:
        """Queue, from a finalizer, the failure of a file that can no longer be closed."""
        self._dropped.append(fail)

    def fail_dropped(self) -> None:
        """Fail the files that were dropped, and tell the platform.

        Call it before anything else: told after the file that replaces it, or after the export is
        complete, the platform would miss the dropped one for ever.
        """
        while True:
            try:
                fail = self._dropped.popleft()
            except IndexError:
                return
            fail()

    def queue_give_up(self, give_up: Callable[[], object]) -> None:
        """Queue the giving up of a file for which the platform may still wait."""
        self._give_ups.append(give_up)

    def clear(self) -> None:
        """Forget all files."""
        with self._lock:
            self._open.clear()
            self._failed.clear()

    def check(self) -> None:
        """Raise ``GatewayError`` (``export_incomplete``) while a file is unfinished.

        If none is, run what ``queue_give_up`` queued.
        """
        self.fail_dropped()
        with self._lock:
            files = sorted([*self._open, *self._failed], key=lambda file: file.begun)
        if not files:
            while self._give_ups:
                self._give_ups[0]()  # all of them are registered again, or abandoned
                self._give_ups.popleft()
            return
        names = ", ".join(map(str, files[:_NAMED]))
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        raise ConflictError(
            409,  # as the platform refuses it
            f"expected every file that this export began to be complete; found {len(files)} "
            f"unfinished: {names}{more}. Write each of them again under its label, or its "
            "resume key if it has one, and close it outside of any except block; complete() "
            "registers a file that you close while an exception is handled. To do without a file, "
            "call abandon() on its stream, or complete_export(abandon_unfinished=True).",
            code=EXPORT_INCOMPLETE,
        )


def _is_try(file: OpenFile, failed: OpenFile) -> bool:
    return failed.key is not None and failed.key == file.key and _was_before(failed, file)


def _has_label(file: OpenFile, failed: OpenFile) -> bool:
    # Labels are shared, so one registered file replaces one failed file.
    same = failed.key is None and failed.label is not None and failed.label == file.label
    return failed.labels is None and same and _was_before(failed, file)


def _is_repeated(work: OpenFile, failed: OpenFile) -> bool:
    if failed.labels is None or work.labels is None or not _was_before(failed, work):
        return False
    if work.key is not None or failed.key is not None:
        return work.key == failed.key
    return bool(failed.labels) and failed.labels <= work.labels


def _was_before(failed: OpenFile, file: OpenFile) -> bool:
    return failed.failed is not None and failed.failed_at <= file.begun

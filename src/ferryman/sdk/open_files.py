"""Which files of a gateway were begun, and are neither registered nor given up on purpose.

The platform counts them too, but knows nothing of a small file before it is closed.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from ferryman.sdk.errors import GatewayError
from ferryman.sdk.safe_trace import error_place

EXPORT_INCOMPLETE = "export_incomplete"
"""The code of the refusal to complete an export that has unfinished files."""

_NAMED = 10
_MANY = "upload_many"


@dataclass(eq=False, slots=True)
class OpenFile:
    """One file; ``failed`` says what its writer failed with, None while it is open.

    ``key`` is its resume key; two of one key are the same file. ``many`` is the work on many
    files that it is one of; such work is kept here like a file, with the labels that it came to.
    ``replaced`` lets the platform know that the failed file is not missing any more.
    """

    label: str | None
    key: str | None
    begun: int
    failed: str | None = None
    failed_at: int = 0
    many: "OpenFile | None" = None
    labels: set[str] | None = None
    replaced: Callable[[], object] | None = None

    def __str__(self) -> str:
        name = "a file without a label" if self.label is None else f"{self.label!r}"[:80]
        return f"{name} ({'still open' if self.failed is None else self.failed})"


@dataclass(slots=True)
class OpenFiles:
    """The files of one gateway; safe to use from several threads."""

    _lock: Lock = field(default_factory=Lock)
    _moments: "count[int]" = field(default_factory=lambda: count(1))
    _files: list[OpenFile] = field(default_factory=list)
    _dropped: deque[Callable[[], object]] = field(default_factory=deque)
    _untold: deque[Callable[[], object]] = field(default_factory=deque)

    def begin(
        self, label: str | None, key: str | None = None, many: OpenFile | None = None
    ) -> OpenFile:
        """Note that a file is open."""
        with self._lock:
            file = OpenFile(label, key, next(self._moments), many=many)
            self._files.append(file)
            if many is not None and many.labels is not None and label is not None:
                many.labels.add(label)
        return file

    def fail(self, file: OpenFile, why: str, replaced: Callable[[], object] | None = None) -> bool:
        """Note that its writer failed; False where it failed or ended before."""
        with self._lock:
            if file not in self._files or file.failed is not None:
                return False
            file.failed, file.failed_at = why, next(self._moments)
            file.replaced = replaced
        return True

    def end(self, file: OpenFile, *, registered: bool) -> None:
        """Note that a file is registered, or given up on purpose.

        A registered file takes the place of those of its resume key that failed before this one
        was begun, and of one that has its label and no key: its writer tried again.
        """
        with self._lock:
            self._files = [each for each in self._files if each is not file]
            if registered:
                tries = [each for each in self._files if _is_try(file, each)]
                again = next((each for each in self._files if _has_label(file, each)), None)
                self._files = [
                    each for each in self._files if each is not again and each not in tries
                ]

    @contextmanager
    def work_on_many(self, name: str | None) -> Iterator[OpenFile]:
        """Keep account of work on many files, which fails as a whole and can be repeated.

        Whoever repeats it gives it the same name, or comes to all of its labels again.
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
            again = [each for each in self._files if _is_repeated(work, each)]
            gone = [each for each in self._files if each in again or each.many in again]
            self._files = [each for each in self._files if each not in [*gone, work]]
        for each in gone:
            if each.replaced is not None:
                self.tell_again(each.replaced)

    def drop(self, fail: Callable[[], object]) -> None:
        """Remember, from a finalizer, how to fail a file that nobody can close any more."""
        self._dropped.append(fail)

    def tell_dropped(self) -> None:
        """Fail the files that were dropped, and let the platform know.

        Before anything follows: told after the file that replaces it, or after the export is
        complete, the platform would miss it for ever.
        """
        while True:
            try:
                fail = self._dropped.popleft()
            except IndexError:
                return
            fail()

    def tell_again(self, give_up: Callable[[], object]) -> None:
        """Remember how to give up a file for which the platform may still wait."""
        self._untold.append(give_up)

    def clear(self) -> None:
        """Do without all of them."""
        with self._lock:
            self._files.clear()

    def check(self) -> None:
        """Raise ``GatewayError`` (``export_incomplete``) while a file is unfinished.

        If none is, the platform is told of those that it could not be told of before.
        """
        self.tell_dropped()
        with self._lock:
            files = list(self._files)
        if not files:
            while self._untold:
                self._untold[0]()  # all of them are registered again, or abandoned
                self._untold.popleft()
            return
        names = ", ".join(map(str, files[:_NAMED]))
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        raise GatewayError(
            409,  # as the platform refuses it
            f"expected every file that this export began to be complete; found {len(files)} "
            f"unfinished: {names}{more}. Write each of them again under its label, or its "
            "resume key if it has one, and close it outside of any except block; complete() "
            "registers a file that you close while an exception is handled. To do without a file, "
            "call abandon() on its stream, or complete_export(abandon_unfinished=True).",
            code=EXPORT_INCOMPLETE,
        )


def _is_try(file: OpenFile, failed: OpenFile) -> bool:
    """Whether it was an earlier try of the same file: a resume key names one file."""
    return failed.key is not None and failed.key == file.key and _was_before(failed, file)


def _has_label(file: OpenFile, failed: OpenFile) -> bool:
    """Whether the file may be another try of it; labels are shared, so each is one of one."""
    same = failed.key is None and failed.label is not None and failed.label == file.label
    return failed.labels is None and same and _was_before(failed, file)


def _is_repeated(work: OpenFile, failed: OpenFile) -> bool:
    """Whether the work on many files did all of the failed one, as far as that came."""
    if failed.labels is None or work.labels is None or not _was_before(failed, work):
        return False
    if work.key is not None or failed.key is not None:
        return work.key == failed.key
    return bool(failed.labels) and failed.labels <= work.labels


def _was_before(failed: OpenFile, file: OpenFile) -> bool:
    return failed.failed is not None and failed.failed_at <= file.begun

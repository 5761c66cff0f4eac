"""The writable file object of ``create_app_data``."""

import hashlib
import io
import logging
import sys
import warnings
from types import TracebackType
from typing import TYPE_CHECKING

from ferryman.sdk.errors import GatewayError
from ferryman.sdk.resume import SOURCE_CHANGED
from ferryman.sdk.safe_trace import error_place
from ferryman.sdk.upload import Upload
from ferryman.wire.upload import AppDataReceipt

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Until this much is written nothing is sent and no part's memory is taken, so that many small
# files are cheap.
_HEAD = 64 * 1024


log: logging.Logger = logging.getLogger("ferryman.sdk")


_Handled = tuple[BaseException, TracebackType | None]
"""An exception and how far it had come: one that is raised again has another traceback."""


def _handled() -> tuple[_Handled, ...]:
    """The exceptions that are handled where the caller stands, the innermost first."""
    found: list[_Handled] = []
    error = sys.exc_info()[1]
    while error is not None and not any(error is each for each, _ in found):
        found.append((error, error.__traceback__))
        error = error.__context__
    return tuple(found)


class AppDataStream(io.BufferedIOBase):
    """One file of app data: write bytes, of any number, then close.

    With a resume key, ``receipt`` is there from the start when an earlier stream of the key was
    completed: nothing is sent then, and what is written must be the same file; or write nothing.

    ``close()`` returns once the platform holds the whole file, and announces it with exactly
    one event; ``receipt`` then says what was stored. When a ``with`` block raises, when the file
    is closed while an exception that came after its creation is handled, through whatever
    wrapper, or when the object is dropped without ``close()``, nothing is registered and no event
    is sent. Such a file is missing: ``Gateway.complete_export`` is refused until it is written
    again under its label, or ``abandon()`` says that you do without it. ``complete()`` registers
    a good file in an ``except`` block, too::

        with gateway.create_app_data("users") as data, gzip.open(data, "wt") as out:
            out.write(line)

    Meant for one writing thread. Raises ``GatewayError`` from ``write`` or ``close`` when a part
    could not be stored, and ``ValueError`` for a write after ``close``.
    """

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self.receipt: AppDataReceipt | None = upload.receipt
        self._upload = upload
        self._head = bytearray()
        self._spilled = False
        self._part: memoryview | None = None
        self._filled = 0
        self._sent = 0
        self._written = 0
        self._digest = hashlib.sha256()
        self._closed = False
        self._complete = upload.receipt is not None
        self._ambient = _handled()
        # By complete(): a wrapper must not take the file for closed, or it drops what it holds.
        self._sealed = False

    def writable(self) -> bool:
        """Return True: this is what the object is for."""
        return True

    @property
    def name(self) -> str:
        """Return nothing: a file has a label and a key. Python's text wrapper asks for it."""
        return ""

    @property
    def closed(self) -> bool:
        """Whether no more can be written."""
        return self._closed and not self._sealed

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    def write(self, data: "ReadableBuffer", /) -> int:
        """Take all of ``data``; waits while the parts on their way fill the budget."""
        view = memoryview(data).cast("B")
        if self._closed:
            if self._sealed and view.nbytes:
                self._upload.fail_registered("bytes came after complete()")
            raise ValueError(
                "write to app data that is closed or complete: create another for more bytes, and "
                "flush what wraps the file before complete()"
            )
        self._upload.check()
        size = view.nbytes
        if self._complete:
            self._digest.update(view)
        elif self._part is None and self._sent == 0 and len(self._head) + size <= _HEAD:
            self._head += view
        else:
            self._spill()
            self._fill(view)
        self._written += size
        return size

    def close(self) -> None:
        """Store what is left and register the file; closing twice does nothing more.

        While an exception that came after the file's creation is handled, the file is given up
        in its place, with a warning: its writer may have failed in the middle.
        """
        if self._closed:
            self._sealed = False
            return
        error = self._in_flight()
        if error is None:
            self._finish()
            return
        self._fail(error)
        log.warning(
            "app_data.given_up label=%r: it was closed while %s was handled, so it may end in the "
            "middle. Write it again under its label; or close a good file outside of the except "
            "block, or by complete()",
            self._upload.label,
            error_place(error, roots=sys.path),
        )

    def complete(self) -> AppDataReceipt:
        """Store what is left and register the file, also while an exception is handled.

        Flush what wraps the file first: bytes that it hands over later are refused, and the file
        then counts as missing. Raises ``ValueError`` for a file that was given up before.
        """
        if not self._closed:
            self._finish()
            self._sealed = True
        if self.receipt is None:
            raise ValueError("this app data was given up: create it again")
        return self.receipt

    def abandon(self) -> None:
        """Do without the file, on purpose: nothing is registered, and the export can complete.

        Does nothing once it is registered. A resume key begins from the start afterwards; an
        error in a ``with`` block leaves what is stored, to be resumed.
        """
        self._end()
        self._upload.abandon()

    def __enter__(self) -> "AppDataStream":
        """Register at the end of the block, or not at all if it raises."""
        if self._closed:
            raise ValueError("this app data is closed")
        self._ambient = _handled()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Register the file, or give it up if the block raised."""
        if exc is not None:
            self._fail(exc)
        elif not self._closed:
            self._finish()
        self._sealed = False

    def __del__(self) -> None:
        """Give an unclosed file up; the base class would close, hence register it."""
        if getattr(self, "_closed", True):
            return
        self._end()
        self._upload.fail_later("dropped without close()")
        log.warning("app_data.given_up label=%r: it was never closed", self._upload.label)
        warnings.warn(
            "app data was dropped without close()", ResourceWarning, stacklevel=2, source=self
        )

    def _in_flight(self) -> BaseException | None:
        """The exception that is handled now, if it was raised after the file was created."""
        error = sys.exc_info()[1]
        if error is None:
            return None
        place = error.__traceback__
        same = any(error is each and place is known for each, known in self._ambient)
        return None if same else error

    def _fail(self, error: BaseException) -> None:
        self._end()
        why = error_place(error, roots=sys.path)
        if isinstance(error, GatewayError):
            why += f" ({error.code or error.status or 'no answer'})"
        self._upload.fail(why, error)

    def _end(self) -> None:
        self._closed = True
        self._part = None
        self._ambient = ()

    def _spill(self) -> None:
        """Move the head into the first part."""
        if not self._spilled:
            self._upload.begin()
            self._spilled = True
            head, self._head = self._head, bytearray()
            self._fill(memoryview(head))

    def _fill(self, view: memoryview) -> None:
        while view.nbytes:
            if self._part is None:
                self._part = self._upload.lend()
            taken = view[: self._part.nbytes - self._filled]
            self._part[self._filled : self._filled + taken.nbytes] = taken
            self._filled += taken.nbytes
            view = view[taken.nbytes :]
            if self._filled == self._part.nbytes:
                self._send(self._part)

    def _send(self, body: memoryview) -> None:
        self._digest.update(body)
        # The digest of the first part is that of the file so far: one pass instead of two.
        sha256 = self._digest.hexdigest() if self._sent == 0 else None
        self._part = None
        self._filled = 0
        self._upload.send(body, sha256=sha256)
        self._sent += 1

    def _finish(self) -> None:
        try:
            if self._complete:
                self._check_same()
            elif self._part is not None:
                self._send(self._part[: self._filled])
            elif self._sent == 0 and not self._upload.may_resume:
                # Never begun: the platform is told of the file and its only part in one call.
                self._digest.update(self._head)
                digest = self._digest.hexdigest()
                self.receipt = self._upload.send_only(memoryview(self._head), digest)
                self._complete = True
            elif self._sent == 0:
                self._send(memoryview(self._head))
            if not self._complete:
                self.receipt = self._upload.complete(self._digest.hexdigest())
        except BaseException as error:
            self._fail(error)
            raise
        self._end()

    def _check_same(self) -> None:
        """Refuse other bytes under the key of a file that is registered; none is no difference."""
        if self.receipt is None or self._written == 0:
            return
        written = self._digest.hexdigest()
        if written != self.receipt.sha256:
            raise GatewayError(
                None,
                f"Under this resume key the file {self.receipt.key} was registered already, with "
                f"sha256 {self.receipt.sha256}; what was written now has {written}. App data "
                "cannot be taken back: use another resume key for another file.",
                code=SOURCE_CHANGED,
            )

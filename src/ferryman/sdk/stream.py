"""The writable file object of ``create_app_data``."""

import hashlib
import io
import logging
import sys
import warnings
from typing import TYPE_CHECKING

from ferryman.sdk.budget import SMALL_FILE
from ferryman.sdk.errors import TextWrittenError
from ferryman.sdk.part_filler import PartFiller
from ferryman.sdk.safe_trace import error_place, failure_note, handled_errors, new_error
from ferryman.sdk.same_file import SameFile
from ferryman.sdk.upload import FileUpload
from ferryman.wire.upload import AppDataReceipt

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log: logging.Logger = logging.getLogger("ferryman.sdk")


class AppDataStream(io.BufferedIOBase):
    """One file of app data: write bytes, of any number, then close.

    A closed file is registered and announced with exactly one event. A file of up to 256 KiB goes
    out in the background, with others: ``close()`` returns at once, and if the file cannot be
    registered, the gateway's next call raises why. ``receipt`` and ``complete()`` wait. With a
    resume key, ``receipt`` is there from the start if an earlier stream of that key was completed:
    nothing is sent then, so write the same bytes or nothing. Example::

        with gateway.create_app_data("users") as data, gzip.open(data, "wt") as out:
            out.write(line)

    Nothing is registered when the ``with`` block raises, when you drop the object without
    ``close()``, or when it is closed, through any wrapper, while an exception that was raised
    after its creation is handled. Such a file is missing: ``Gateway.complete_export`` is refused
    until you write it again under its label, or call ``abandon()`` to do without it. To register
    a good file in an ``except`` block, call ``complete()``. Use a stream from one thread. Raises
    ``GatewayError`` from ``write`` or ``close`` when a part, or an earlier file, could not be
    stored, and ``ValueError`` for a write after ``close``.
    """

    def __init__(self, upload: FileUpload, *, whole_sha256: bool = False) -> None:
        super().__init__()
        self._upload = upload
        self._head = bytearray()
        self._parts = PartFiller(upload)
        self._written = 0
        self._whole = hashlib.sha256() if whole_sha256 else None
        self._again: SameFile | None = None
        self._spilled = self._closed = False
        self._complete = upload.is_settled
        self._ambient = handled_errors()
        # By complete(): a wrapper must not take the file for closed, or it drops what it holds.
        self._sealed = False

    def writable(self) -> bool:
        """Return True."""
        return True

    @property
    def name(self) -> str:
        """An empty text, which ``io.TextIOWrapper`` asks for: a file has a label and a key."""
        return ""

    @property
    def closed(self) -> bool:
        """Whether no more can be written."""
        return self._closed and not self._sealed

    @property
    def receipt(self) -> AppDataReceipt | None:
        """The receipt of a registered file; None for one that is open or was given up.

        For a file that was closed this waits until it is registered, and raises ``GatewayError``
        if it could not be. With a resume key it asks the platform whether the file is registered
        already, by an earlier stream of that key.
        """
        if not self._closed and self._upload.resume_key is not None:
            self._begin()
        return self._upload.receipt

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    @property
    def whole_sha256(self) -> str | None:
        """The sha256 of all bytes written so far, in hex; None if it was not asked for."""
        return None if self._whole is None else self._whole.hexdigest()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of ``data``; waits while the parts being sent fill the budget."""
        if isinstance(data, str):
            raise TextWrittenError
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
        if self._whole is not None:
            self._whole.update(view)
        if self._complete:
            if self._again is not None:
                self._again.update(view)
        elif self._parts.empty and len(self._head) + size <= SMALL_FILE:
            self._head += view
        else:
            self._spill(view)
        self._written += size
        return size

    def write_from(self, source: io.FileIO) -> None:
        """Write all that a file has left, read straight into the memory of the parts."""
        self.write(source.read(SMALL_FILE + 1))
        if self._spilled:
            for piece in self._parts.fill_from(source):
                self._upload.check()
                if self._whole is not None:
                    self._whole.update(piece)
                self._written += piece.nbytes
        while rest := source.read(SMALL_FILE):
            self.write(rest)

    def close(self) -> None:
        """Store what is left and have the file registered; closing twice does nothing more.

        A file of more than 256 KiB is registered when this returns, a smaller one soon.
        While an exception that was raised after the file's creation is handled, the file is given
        up instead, with a warning: its writer may have failed in the middle.
        """
        if self._closed:
            self._sealed = False
            return
        error = new_error(self._ambient)
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
        """Store what is left, and return when the file is registered; also in an except block.

        Flush what wraps the file first: bytes that it writes later are refused, and the file then
        counts as missing. Raises ``ValueError`` for a file that was given up before.
        """
        if not self._closed:
            self._finish()
            self._sealed = True
        receipt = self._upload.receipt
        if receipt is None:
            raise ValueError("this app data was given up: create it again")
        return receipt

    def abandon(self) -> None:
        """Do without the file, on purpose: nothing is registered, and the export can complete.

        Does nothing once it is registered. Its resume key starts over afterwards, whereas an error
        in a ``with`` block leaves what is stored, to be resumed.
        """
        self._end()
        self._upload.abandon()

    def __enter__(self) -> "AppDataStream":
        """Register at the end of the block, or not at all if it raises."""
        if self._closed:
            raise ValueError("this app data is closed")
        self._ambient = handled_errors()
        return self

    def __exit__(self, _type: object, exc: BaseException | None, _traceback: object) -> None:
        """Register the file, or give it up if the block raised."""
        if exc is not None:
            self._fail(exc)
        elif not self._closed:
            self._finish()
        self._sealed = False

    def __del__(self) -> None:
        """Give an unclosed file up; the base class would close it, and so register it."""
        if getattr(self, "_closed", True):
            return
        self._end()
        self._upload.fail_later("dropped without close()")
        log.warning("app_data.given_up label=%r: it was never closed", self._upload.label)
        warnings.warn(
            "app data was dropped without close()", ResourceWarning, stacklevel=2, source=self
        )

    def _fail(self, error: BaseException) -> None:
        self._end()
        self._upload.fail(failure_note(error), error)

    def _end(self) -> None:
        self._closed, self._ambient = True, ()
        self._parts.drop()

    def _spill(self, view: memoryview) -> None:
        if not self._spilled:
            self._begin()
            if self._upload.is_settled:
                if self._again is not None:
                    self._again.update(view)
                return
            self._spilled = True
            head, self._head = self._head, bytearray()
            self._parts.fill(memoryview(head))
        self._parts.fill(view)

    def _finish(self) -> None:
        try:
            if self._complete:
                if self._again is not None:
                    self._again.check()
            elif self._parts.empty:
                digest = hashlib.sha256(self._head).hexdigest()
                self._upload.submit(memoryview(self._head), digest)
            else:
                self._parts.flush()
                self._upload.complete(self.whole_sha256)
        except BaseException as error:
            self._fail(error)
            raise
        self._end()

    def _begin(self) -> None:
        """Begin the file at the platform, and see whether it is registered already."""
        if self._complete:
            return
        self._upload.begin()
        if self._upload.is_settled and self._upload.receipt is not None:
            self._complete = True
            self._again = SameFile(self._upload.receipt, self._upload.parts)
            self._again.update(self._head)
            self._head.clear()

"""Call a listener without sending anything: count what it would export (ADR 106)."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ferryman.errors import RuleError
from ferryman.sdk.errors import GatewayError, TextWrittenError
from ferryman.sdk.gateway_reads import GatewayReads
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.open_files import EXPORT_INCOMPLETE
from ferryman.sdk.upload_many import Content
from ferryman.stored_text import check_file_texts
from ferryman.wire.upload import AppDataReceipt

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SAMPLE = 20
_PIECE = 1 << 20


@dataclass
class RehearsedContents:
    """The files that a listener exported in a rehearsal, and keys that it did not find.

    ``missing`` has the number of keys by namespace, and ``sample`` the first of them.
    """

    files: int = 0
    bytes: int = 0
    largest: int = 0
    looked_up: int = 0
    completed: bool = False
    missing: dict[str, int] = field(default_factory=dict)
    sample: dict[str, list[str]] = field(default_factory=dict)


class RehearsalStream(io.BufferedIOBase):
    """A file of app data that goes nowhere; it has the methods of ``AppDataStream``."""

    def __init__(self, owner: "RehearsalGateway", label: str | None, *, whole: bool) -> None:
        super().__init__()
        self._owner = owner
        self._label = label
        self._digest = hashlib.sha256()
        self._whole = whole
        self._written = 0
        self._receipt: AppDataReceipt | None = None
        self._over = False

    def writable(self) -> bool:
        """Return True."""
        return True

    @property
    def name(self) -> str:
        """An empty text, which ``io.TextIOWrapper`` asks for."""
        return ""

    @property
    def closed(self) -> bool:
        """Whether no more can be written."""
        return self._over

    @property
    def receipt(self) -> AppDataReceipt | None:
        """The receipt of a file that was closed, with a key that nothing has."""
        return self._receipt

    @property
    def whole_sha256(self) -> str | None:
        """The sha256 of all bytes written so far, in hex; None if it was not asked for."""
        return self._digest.hexdigest() if self._whole else None

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    def write(self, data: "ReadableBuffer", /) -> int:
        """Count all of ``data``."""
        if isinstance(data, str):
            raise TextWrittenError
        if self._over:
            raise ValueError("write to app data that is closed")
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self._written += view.nbytes
        return view.nbytes

    def write_from(self, source: io.FileIO) -> None:
        """Count all that a file has left."""
        while piece := source.read(_PIECE):
            self.write(piece)

    def complete(self) -> AppDataReceipt:
        """Count the file."""
        if self._receipt is None:
            if self._over:
                raise ValueError("this app data was given up: create it again")
            self._over = True
            size, digest = self._written, self._digest.hexdigest()
            self._receipt = self._owner.ended(self, self._label, size, digest)
        return self._receipt

    def close(self) -> None:
        """Count the file, unless it was given up."""
        if not self._over:
            self.complete()

    def abandon(self) -> None:
        """Do without the file, on purpose."""
        self._over = True
        self._owner.given_up(self)

    def __enter__(self) -> "RehearsalStream":
        """Count the file at the end of the block, or not at all if it raises."""
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Count the file, or leave it unfinished if the block raised."""
        if error is None:
            self.close()
        else:
            self._over = True

    def __del__(self) -> None:
        """Leave it unfinished; the base class would close it."""
        self._over = True


class RehearsalGateway(GatewayReads):
    """A ``Gateway`` that reads from the platform, but only counts what a listener writes."""

    def __init__(
        self, url: str, token: str, transfer_id: str, *, transfer_name: str | None = None
    ) -> None:
        super().__init__(HttpTransport(url, token, retry_seconds=30.0), transfer_id)
        self.transfer_name: str | None = transfer_name
        self.counted: RehearsedContents = RehearsedContents()
        self._open: dict[RehearsalStream, str | None] = {}
        self._numbers = count(1)
        self._lock = Lock()

    @property
    def export_completed(self) -> bool:
        """Whether ``complete_export`` was called."""
        return self.counted.completed

    def create_app_data(
        self,
        label: str | None = None,
        *,
        resume_key: str | None = None,
        size: int | None = None,  # noqa: ARG002 - nobody waits
        whole_sha256: bool = False,
    ) -> RehearsalStream:
        """Begin a file that goes nowhere; raises ``GatewayError`` for a label that is refused."""
        try:
            check_file_texts(label, resume_key)
        except RuleError as refused:
            raise GatewayError(None, str(refused), code=refused.code) from None
        stream = RehearsalStream(self, label, whole=whole_sha256)
        with self._lock:
            self._open[stream] = label
        return stream

    def upload_many(
        self,
        files: Iterable[tuple[str | None, Content]],
        *,
        concurrency: int = 8,  # noqa: ARG002 - one at a time is fast
        name: str | None = None,  # noqa: ARG002 - nothing is repeated
    ) -> list[AppDataReceipt]:
        """Count many files, one after another."""
        return [self._count(label, content) for label, content in files]

    def complete_export(self, *, abandon_unfinished: bool = False) -> None:
        """Note that the export is complete; raises ``GatewayError`` while a file is unfinished."""
        if not abandon_unfinished:
            self.check_finished()
        self.counted.completed = True

    def check_finished(self) -> None:
        """Raise ``GatewayError`` (``export_incomplete``) while a file is unfinished."""
        with self._lock:
            labels = list(self._open.values())
        if labels:
            named = ", ".join(repr(label) for label in labels[:5])
            message = f"{len(labels)} files are unfinished: {named}"
            raise GatewayError(None, message, code=EXPORT_INCOMPLETE)

    def get_mapping_by_id(self, namespace: str, keys: Iterable[str]) -> dict[str, str]:
        """Translate server ids, and count those without a mapping."""
        wanted = list(dict.fromkeys(keys))
        found = super().get_mapping_by_id(namespace, wanted)
        missing = [key for key in wanted if key not in found]
        with self._lock:
            self.counted.looked_up += len(wanted)
            if missing:
                known = self.counted.sample.setdefault(namespace, [])
                known += missing[: _SAMPLE - len(known)]
                before = self.counted.missing.get(namespace, 0)
                self.counted.missing[namespace] = before + len(missing)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def ended(
        self, stream: RehearsalStream, label: str | None, size: int, sha256: str
    ) -> AppDataReceipt:
        """Count a file that was closed, and return a receipt for it."""
        with self._lock:
            self._open.pop(stream, None)
            self.counted.files += 1
            self.counted.bytes += size
            self.counted.largest = max(self.counted.largest, size)
            key = f"rehearsal-{next(self._numbers)}"
        return AppDataReceipt(key=key, label=label, size=size, sha256=sha256, message_id=key)

    def given_up(self, stream: RehearsalStream) -> None:
        """Forget a file that the listener does without."""
        with self._lock:
            self._open.pop(stream, None)

    def _count(self, label: str | None, content: Content) -> AppDataReceipt:
        stream = self.create_app_data(label)
        if isinstance(content, Path):
            with content.open("rb", buffering=0) as source:
                stream.write_from(source)
        else:
            stream.write(content)
        return stream.complete()

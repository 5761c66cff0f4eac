"""Make the report of a migration, and sign it (ADR 78).

All of it is read at one moment and written to a temporary file first: the transaction must not last
as long as a download, and the page is made from the same lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import proof, report_rows
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform, parse_id
from ferryman.store import migration as migration_store
from ferryman.store import report as report_store
from ferryman.store.database import Transaction
from ferryman.store.migration import MigrationRow
from ferryman.tokens import SigningKey, report_token
from ferryman.wire.report import SIGNATURE_LINE, ReportHead, Reread, encoded
from ferryman.wire.storage import FileProof, ProofEnd, ProofFailure, ProofProgress

_IN_MEMORY = 1 << 20
_BLOCK = 1 << 16
_DIFFERENCES = 20
"""The most damaged files that the report names for each transfer."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was made; ``file`` holds its lines but the last, the signature."""

    file: IO[bytes]
    key: SigningKey
    migration_id: str
    made_at: int

    def sign(self, form: str, digest: str) -> str:
        """Return the token that signs the bytes with this digest, as ``json`` or ``html``."""
        facts: dict[str, object] = {
            "form": form,
            "migrationId": self.migration_id,
            "madeAt": self.made_at,
            "sha256": digest,
        }
        return report_token(self.key, facts)

    def lines(self) -> Iterator[bytes]:
        """Yield all lines; the file is closed at the end."""
        with self.file:
            digest = sha256()
            self.file.seek(0)
            for line in self.file:
                digest.update(line)
                yield line
        yield SIGNATURE_LINE + self.sign("json", digest.hexdigest()).encode() + b'"}\n'


async def make(
    platform: Platform,
    keys: KeyRing,
    migration_id: str,
    by: Actor = PLATFORM,
    *,
    reread: bool = False,
) -> Report:
    """Make a report; ``reread``: after reading every file of the migration again.

    Raises ``NotFound``, and ``Conflict`` (``verification_running``).
    """
    parsed_id = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.reading() as tx:
        await _known(tx, parsed_id, migration_id)
        transfers = await report_store.transfers(tx, parsed_id)
    proofs: dict[UUID, Reread] = {}
    if reread:
        for each in transfers:
            proofs[each["transfer_id"]] = await _reread(platform, str(each["transfer_id"]))
    await keys.refresh()
    file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by who reads it
    try:
        async with platform.database.snapshot() as tx:
            migration = await _known(tx, parsed_id, migration_id)
            head, sections = await report_rows.read(platform, tx, migration, by, proofs)
            await _write(file, head, sections)
    except BaseException:
        file.close()
        raise
    return Report(file, keys.current, str(parsed_id), head.made_at)


async def _known(tx: Transaction, parsed_id: UUID, migration_id: str) -> MigrationRow:
    migration = await migration_store.by_id(tx, parsed_id)
    if migration is None:
        raise refusals.migration.NOT_FOUND(id=migration_id)
    return migration


async def _write(file: IO[bytes], head: ReportHead, sections: report_rows.Sections) -> None:
    text = bytearray(encoded(head)[:-1] + b",")
    for number, (name, items) in enumerate(sections.items()):
        text += (b"]," if number else b"") + f'"{name}":['.encode()
        end = b"\n"
        async for item in items:
            text += end + encoded(item)
            end = b",\n"
            if len(text) >= _BLOCK:
                file.write(text)
                text.clear()
        text += b"\n"
    file.write(text)


async def _reread(platform: Platform, transfer_id: str) -> Reread:
    such_as: list[str] = []
    end: ProofEnd | None = None
    failure = None
    seen = ProofProgress(files=0, bytes=0, total_files=0, total_bytes=0)
    async for line in await proof.verify(platform, transfer_id):
        match line:
            case FileProof() if line.differences and len(such_as) < _DIFFERENCES:
                such_as.append(f"{line.label or line.key}: {', '.join(line.differences)}")
            case ProofProgress():
                seen = line
            case ProofFailure():
                failure = f"{line.code}: {line.found}"
            case ProofEnd():
                end = line
            case _:
                pass
    return Reread(
        files=end.files if end else seen.files,
        bytes=end.bytes if end else seen.bytes,
        proven=end.proven if end else 0,
        deleted=end.deleted if end else 0,
        differences=end.differences if end else len(such_as),
        such_as=such_as,
        failure=failure,
    )

"""Read the files of a transfer again, and show those that differ from the accepted ones."""

from collections.abc import AsyncIterator

import msgspec
from litestar import post
from litestar.exceptions import ValidationException
from litestar.response import Template

from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.console.visit import Visit
from ferryman.wire.storage import FileProof, ProofEnd, ProofFailure, ProofLine
from ferryman.wire.transfer import TransferView

READ_AT_ONCE = 1 << 30
"""Bytes that are read while a person waits for the page; use the command line for more."""

_SHOWN = 200
_GOOD = ("PROVEN", "DELETED")


@post("/transfers/{transfer_id:str}/verify", status_code=200)
async def verify_files(visit: OwnVisit, transfer_id: Id) -> Template:
    """Read every byte of a transfer, and say how many files are as they were accepted."""
    path = f"/transfers/{transfer_id}"
    view = await visit.calls.get(path, TransferView)
    if view.bytes > READ_AT_ONCE:
        detail = f"{view.bytes} bytes, more than a page reads; use `ferryman data verify`"
        raise ValidationException(detail=detail)
    wrong: list[FileProof] = []
    last: ProofLine | None = None
    async for line in _lines(visit, path):
        last = line
        if isinstance(line, FileProof) and line.outcome not in _GOOD and len(wrong) < _SHOWN:
            wrong.append(line)
    return await visit.page(
        "transfer_verified.html",
        "migrations",
        view=view,
        wrong=wrong,
        end=last if isinstance(last, ProofEnd) else None,
        failure=last if isinstance(last, ProofFailure) else None,
    )


async def _lines(visit: Visit, path: str) -> AsyncIterator[ProofLine]:
    decoder = msgspec.json.Decoder(ProofLine)
    rest = b""
    async for chunk in visit.calls.stream(f"{path}/verify", ""):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield decoder.decode(line)


VERIFY_PAGES = [verify_files]

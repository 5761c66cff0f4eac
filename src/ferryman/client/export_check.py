"""Check an export of a customer offline: every byte, and that nothing was added."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ferryman import refusals
from ferryman.client.customer_export import ExportHead
from ferryman.client.export_folder import SUMS, digest_of, read_sums


def check_export(folder: Path) -> tuple[ExportHead, int]:
    """Return what was exported, and the number of files checked.

    Raises ``ConfigError`` (``export_differs``) for a file that is missing, changed or not listed.
    """
    try:
        named = 0
        lists = [folder / SUMS]
        for listed in lists:
            # Those of transfers are in the list of the whole.
            lists += [path for path in _checked(listed) if path.name == SUMS]
        for listed in lists:
            named += sum(1 for _ in read_sums(listed))
        # Every listed file is there and has one line, so that one more is one that is not listed.
        present = sum(1 for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        if present != named + 1:
            raise ValueError(f"{present} files, of which {named + 1} are listed")
        head = msgspec.json.decode((folder / "export.json").read_bytes(), type=ExportHead)
    except (ValueError, msgspec.DecodeError) as fault:
        raise refusals.customer.EXPORT_DIFFERS(found=str(fault)[:300]) from None
    return head, named


def _checked(listed: Path) -> Iterator[Path]:
    if not listed.is_file():
        raise ValueError(f"no {listed.name} in {listed.parent}: the export was not finished")
    for digest, name in read_sums(listed):
        path = listed.parent / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise ValueError(f"{name!r} in {listed}")
        if path.is_symlink() or not path.is_file():
            raise ValueError(f"no file {path}")
        if digest_of(path) != digest:
            raise ValueError(f"{path} with another digest")
        yield path

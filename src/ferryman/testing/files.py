"""Find the files that a migration under test sends: paths, or contents by name."""

from collections.abc import Mapping
from pathlib import Path

from ferryman.devtools.migrate.export import Export, exactly, export_of
from ferryman.plan import Plan

Files = Path | str | Mapping[str, str | bytes]
Mappings = Path | str | Mapping[str, Mapping[str, str]]


def export(
    files: Files | None,
    plan: Plan,
    base: Path,
    scratch: Path,
    mappings: Path | None,
    labels: Mapping[str, str],
) -> Export:
    """Find the files to send: a folder or file, contents by name, or those in the plan."""
    if files is None:
        if plan.files is None:
            raise TypeError("run_migration() needs files, or a plan that names them")
        return export_of(base / plan.files, mappings, labels)
    if isinstance(files, Path | str):
        return export_of(Path(files), mappings, labels)
    if not files:
        raise TypeError("run_migration() needs at least one file")
    scratch.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (name, content) in enumerate(sorted(files.items())):
        # A name is for labels alone: on disk it could be that of another file, or of none.
        file = scratch / f"file-{number}"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        written.append((file, name))
    return exactly(written, mappings, labels)


def mapping_rows(mappings: Mappings | None, plan: Plan, base: Path, scratch: Path) -> Path | None:
    """Find or write the file of mappings; return None if there are no mappings."""
    if mappings is None:
        return base / plan.mappings if plan.mappings is not None else None
    if isinstance(mappings, Path | str):
        return Path(mappings)
    import msgspec

    rows = [
        msgspec.json.encode({"namespace": space, "serverKey": server, "cloudKey": cloud})
        for space, keys in mappings.items()
        for server, cloud in keys.items()
    ]
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / "mappings.ndjson"
    file.write_bytes(b"".join(row + b"\n" for row in rows))
    return file

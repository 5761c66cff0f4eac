"""The operator token: set by a setting, or generated and kept in the data folder."""

import os
from contextlib import suppress
from pathlib import Path

from ferryman.ids import new_token


def operator_token(data_dir: Path, given: str | None = None) -> str:
    """Store the operator token in the data folder, in a file of mode 0600, and return it.

    Without ``given`` it is generated at the first start. Give replicas of the API the same token,
    or let them share the folder: if several start at once, the first one's token wins.
    """
    path = data_dir / "operator-token"
    if given is None and path.exists():
        path.chmod(0o600)
        return path.read_text().strip()
    draft = path.with_name(f"operator-token.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write((given or new_token("operator")) + "\n")
    if given is not None:
        draft.replace(path)
    else:
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # atomic, and fails if there is one already
        draft.unlink()
    return path.read_text().strip()

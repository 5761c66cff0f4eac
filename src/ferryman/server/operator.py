"""The operator's token: given by a setting, or made and kept in the data folder."""

import os
from contextlib import suppress
from pathlib import Path

from ferryman.ids import new_token


def operator_token(data_dir: Path, given: str | None = None) -> str:
    """The operator token, which the file in the data folder holds from now on; its mode is 0600.

    Without ``given`` it is made at the first start. Replicas of the API are all given the same,
    or share the folder: of several that start at once, the first one's counts.
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
            path.hardlink_to(draft)  # in one step, and only if there is none
        draft.unlink()
    return path.read_text().strip()

"""The operator's token, kept in the data folder."""

import os
from pathlib import Path

from ferryman.ids import new_token


def operator_token(data_dir: Path) -> str:
    """The operator token of a data folder, made at the first start; its file has mode 0600."""
    path = data_dir / "operator-token"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_token("operator") + "\n")
    except FileExistsError:
        path.chmod(0o600)
    return path.read_text().strip()

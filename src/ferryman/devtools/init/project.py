"""Write the folder of a new app from templates, which are apps of their own that run.

A kind is made of layers, the later ones over the earlier. In each file, the template's name and id
become those of the new app.
"""

import re
from pathlib import Path

from ferryman import refusals
from ferryman.ids import ephemeral_id

KINDS: dict[str, tuple[str, ...]] = {
    "python": ("base", "listener", "python"),
    "js": ("base", "listener", "forge", "js"),
    "ts": ("base", "listener", "forge", "ts"),
    "remote": ("base", "listener", "remote"),
    "connect": ("base", "listener", "connect"),
    "java": ("base", "forge", "js", "java"),
}
"""The layers of each kind of app."""

_TEMPLATES = Path(__file__).parent / "templates"
_NAME, _ID = "example-notes", "00000000-0000-4000-8000-000000000000"
_NAMES = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MOST_CHARACTERS = 40
# A name that begins with a dot would count as a file of this repository.
_HIDDEN = "dot."


def contents(kind: str, name: str) -> dict[str, str]:
    """Return the text of each file of a new app, by its path within the app's folder."""
    identity = str(ephemeral_id())
    texts = {}
    for layer in KINDS[kind]:
        root = _TEMPLATES / layer
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                parts = [_unhidden(part) for part in file.relative_to(root).parts]
                text = file.read_text(encoding="utf-8")
                texts["/".join(parts)] = text.replace(_NAME, name).replace(_ID, identity)
    return texts


def create(kind: str, folder: Path) -> list[str]:
    """Write a new app into ``folder``, which is new or empty; return the names of its files.

    Raises ``ConfigError``: ``app_name_invalid``, ``app_folder_taken``, ``app_folder_unwritable``.
    """
    name = folder.absolute().name
    if not _NAMES.fullmatch(name) or len(name) > _MOST_CHARACTERS:
        raise refusals.definition.APP_NAME_INVALID(most=_MOST_CHARACTERS, found=name)
    texts = contents(kind, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if taken := sorted(entry.name for entry in folder.iterdir()):
            raise refusals.definition.APP_FOLDER_TAKEN(folder=folder, found=taken[0])
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise refusals.definition.APP_FOLDER_UNWRITABLE(
            folder=folder, found=error.strerror or type(error).__name__
        ) from error
    return sorted(texts)


def _unhidden(part: str) -> str:
    return f".{part.removeprefix(_HIDDEN)}" if part.startswith(_HIDDEN) else part

"""The mark in a data folder that a restore has not finished; nothing starts there."""

from pathlib import Path

from ferryman import refusals

MARK = "restore-unfinished"


def check_restored(data_dir: Path) -> None:
    """Raise ``ConfigError`` (``restore_unfinished``) for a folder that is half restored."""
    if (data_dir / MARK).exists():
        raise refusals.backup.UNFINISHED(folder=data_dir)

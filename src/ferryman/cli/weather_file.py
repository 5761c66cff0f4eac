"""The weather that ``ferryman test-handler`` is given, and the file of one that fails."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from ferryman.cli import weather_report as report
from ferryman.errors import ConfigError

if TYPE_CHECKING:
    from ferryman.domain.weather import Script
    from ferryman.weather.hunt import Found


class Saved(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A script as it is kept in a file; the rest of the file is for people.

    ``seed`` decides which calls its shares strike.
    """

    script: list[str]
    seed: int = 0

    @property
    def steps(self) -> "Script":
        """Raises ``ConfigError`` (``weather_invalid``)."""
        from ferryman.domain.weather import parse

        return parse(",".join(self.script))


def given_weather(script: str | None, file: Path | None, seed: int) -> Saved | None:
    """The one script that was asked for; None where one is to be searched for."""
    if script is not None and file is not None:
        raise ConfigError(
            "weather_ambiguous",
            expected="--script or --replay",
            found="both",
            fix="Give one of them.",
        )
    if script is None and file is None:
        return None
    saved = Saved(script=[script or ""], seed=seed) if file is None else _read(file)
    if not saved.steps:
        raise ConfigError(
            "weather_empty",
            expected="at least one step, such as uploaded:1=twice",
            found="none",
            fix="Give one, or leave the option out to have scripts searched for.",
        )
    return saved


def _read(file: Path) -> Saved:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Saved)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            "weather_unreadable",
            expected=f"a file in {file} that --save wrote",
            found=str(error)[:200],
            fix="Correct the path, or give the script by --script.",
        ) from None


def save(file: Path, found: "Found", seed: int) -> None:
    """Write what failed, for ``--replay``; a file that cannot be written is only told of."""
    saved = {**report.failure(found), "seed": seed}
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(saved)))
    except OSError as error:
        typer.echo(f"Not written to {file}: {error.strerror}", err=True)

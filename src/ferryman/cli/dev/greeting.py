"""Say where the platform of ``ferryman dev`` is, and what to do next."""

from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.client.text import Line

if TYPE_CHECKING:
    from ferryman.client.admin import AdminClient


def first_step(data_dir: Path) -> str:
    """Return what is done first, which takes seconds."""
    new = "Starting" if (data_dir / "postgres").exists() else "Creating a database and starting"
    return f"{new} the platform"


def greeting(url: str, data_dir: Path, admin: "AdminClient | None", *, goes_on: bool) -> list[Line]:
    """Return the lines that say where the platform is and, with a client, what to do next."""
    kept = "  seed            resumes earlier runs, with different ids; --reset starts over"
    link = None if admin is None else admin.console_link()
    more = [
        (f"  console         {link} (works once)", ""),
        (f"  API             {url}/docs", ""),
        (f"  operator token  {data_dir / 'operator-token'}", ""),
        (f"  app's tokens    {data_dir / 'dev.json'}", ""),
        ("  next            ferryman migrate --files DIR, in this folder, in another terminal", ""),
        ("  time            ferryman clock advance 15m; ferryman clock until deadline", ""),
    ]
    return [
        (f"Ferryman ready on {url}, on the virtual clock", "bold"),
        *(more if link else []),
        *([(kept, "yellow")] if goes_on else []),
    ]

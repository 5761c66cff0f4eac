"""Where the console is, and what its application needs to know of the platform."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PATH = "/console"

AS_ASKED = "ferryman.path"
"""Key of a request's path in its state, with the last slash that routing takes off."""

OWNER = "ferryman.application"
"""Key of the admin surface's application in a page's request, which its calls need."""

READ_ONLY = "ferryman.read_only"
"""Key of a call's scope: it may change nothing, whatever the role of who makes it."""


@dataclass(frozen=True, slots=True)
class Brand:
    """Appearance of the page by the operator's settings."""

    name: str
    color: str
    logo: Path | None

    @property
    def style(self) -> str:
        """Return the style sheet with the colour, which no text has, so that all can be read."""
        return f".shared {{ --brand: {self.color}; }}\n"

    @property
    def version(self) -> str:
        """Return what changes with the colour."""
        return sha256(self.style.encode()).hexdigest()[:10]

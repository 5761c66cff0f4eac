"""The pages, one module each."""

from typing import Any

from ferryman.console.pages.transfer import TRANSFER_PAGES

HANDLERS: list[Any] = [*TRANSFER_PAGES]
"""All route handlers of pages."""

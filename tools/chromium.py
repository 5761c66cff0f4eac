"""The Chromium of this machine, which shows the console to tests and takes its pictures."""

import shutil

PACKAGES = ("chromium-headless-shell", "chromium")
"""In this order: what has no windows of its own takes three quarters of the processor time."""


def chromium() -> str | None:
    """Return the path of its program; None if there is none."""
    return next(filter(None, map(shutil.which, PACKAGES)), None)

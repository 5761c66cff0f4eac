"""Pass on the platform's notice about this SDK's version to whoever runs the program."""

import logging
from collections.abc import Mapping

log: logging.Logger = logging.getLogger("ferryman.sdk")

HEADER = "ferryman-notice"
"""Comes from a platform that does not support this version (ADR 116)."""

_LONGEST = 400
_MOST = 10

_told: set[str] = set()


def tell_notice(headers: Mapping[str, str]) -> None:
    """Log the notice of an answer, if it has one, once in the life of this process."""
    text = headers.get(HEADER)
    if text is None or text in _told or len(_told) >= _MOST:
        return
    _told.add(text)
    shown = "".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST])
    log.warning("platform.notice %s", shown)

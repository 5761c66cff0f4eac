"""Suggest the name that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 200


def nearest(text: str, names: Iterable[str]) -> str | None:
    """Return the known name closest to ``text``, or None if none is similar.

    A name in parts, such as an event's, is matched by all but its last part:
    ``settled:app_data`` means ``settled:transfer``, however many letters it shares with
    ``uploaded:app_data``.
    """
    candidates = sorted(filter(None, map(str, names)))
    begin, colon, _ = text[:_LONGEST].rpartition(":")
    alike = [name for name in candidates if name.rpartition(":")[0] == begin] if colon else []
    if len(alike) == 1:
        return alike[0]
    near = get_close_matches(text[:_LONGEST], candidates, n=1, cutoff=0.5)
    return near[0] if near else None

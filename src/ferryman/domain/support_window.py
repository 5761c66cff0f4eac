"""Decide which SDKs and agents are supported: the platform's minor version and the two before.

Customers do not upgrade together with the platform, so no call is refused for the version of its
client (ADR 116). A client outside of the window gets a notice.
"""

import re
from dataclasses import dataclass

RELEASED = ((0, 1),)
"""The minor versions released so far, oldest first; also that of the build itself, once it is."""

EARLIER = 2
"""How many minor versions before the platform's own it supports."""

_MINOR = re.compile(r"(\d{1,4})\.(\d{1,4})(?![\d])", re.ASCII)

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SupportNotice:
    """The notice for a client outside of the window; ``text`` is ASCII, to fit in a header."""

    support: str
    text: str


def minor_of(version: str) -> Minor | None:
    """Return the first two numbers of a version such as ``0.2.0.dev0``; None if it has none."""
    found = _MINOR.match(version)
    return None if found is None else (int(found[1]), int(found[2]))


def oldest_supported(platform: Minor, released: tuple[Minor, ...] = RELEASED) -> Minor:
    """Return the oldest minor version whose SDKs and agents a platform of that one supports."""
    earlier = [each for each in released if each < platform][-EARLIER:]
    return earlier[0] if earlier else platform


def notice(
    client: str, platform: str, released: tuple[Minor, ...] = RELEASED
) -> SupportNotice | None:
    """Return the notice for a client such as ``ferryman-python/0.1.0``; None within the window.

    A client that names no version gets none: it may be supported.
    """
    version = client.partition("/")[2]
    its, own = minor_of(version), minor_of(platform)
    if its is None or own is None:
        return None
    oldest = oldest_supported(own, released)
    if its < oldest:
        return SupportNotice(
            "ended",
            f"This platform, version {platform}, supports SDKs and agents from {_text(oldest)} on; "
            f"this is {version}. Its calls are answered as long as they can be: upgrade it.",
        )
    if its > own:
        return SupportNotice(
            "newer",
            f"This platform, version {platform}, is older than this SDK or agent, {version}. "
            "Calls that came later are refused: ask for an upgrade of the platform.",
        )
    return None


def _text(minor: Minor) -> str:
    return f"{minor[0]}.{minor[1]}"

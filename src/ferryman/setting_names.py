"""The names of all variables that begin with FERRYMAN_, to find one that is misspelt."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

PREFIX = "FERRYMAN_"
_NO_SETTINGS = (
    *("URL", "TOKEN", "SERVER_TOKEN", "SHARED_SECRET", "APP_KEY"),
    *("NODE", "ESBUILD", "SUPERVISED", "SOAK", "PRODUCT_AUTHORIZATION"),
)
"""Variables that clients, functions and tests read, or that the platform sets for its workers."""

_TESTS = f"{PREFIX}TEST_"


def unknown_names(environ: Mapping[str, str], settings: Iterable[str]) -> dict[str, str | None]:
    """Return the variables that nothing reads, each with the nearest name, if one is near.

    ``settings`` are the names of the platform's settings in lower case.
    """
    known = [f"{PREFIX}{name.upper()}" for name in (*settings, *_NO_SETTINGS)]
    return {
        name: next(iter(get_close_matches(name.upper(), known, n=1, cutoff=0.75)), None)
        for name in sorted(environ)
        if name.upper().startswith(PREFIX)
        and name.upper() not in known
        and not name.upper().startswith(_TESTS)
    }

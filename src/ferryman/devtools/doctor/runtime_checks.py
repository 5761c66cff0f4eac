"""Checks of the runtime that the manifest names."""

from collections.abc import Iterator, Mapping
from typing import Any

from ferryman.devtools.doctor.finding import Finding, did_you_mean, warning
from ferryman.devtools.doctor.snapshot import AppSnapshot

_RUNTIMES = ("nodejs20.x", "nodejs22.x", "nodejs24.x", "python3")
_DEPRECATED = "nodejs20.x"
_DEPRECATION = "Node.js 20 has had no security fixes since April 2026."


def runtime(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the runtime is one that exists."""
    name = seen.root.get("app", "runtime", "name")
    if name.there and name.text not in _RUNTIMES:
        yield warning(
            "runtime_unknown",
            name.where,
            f"The runtime is {name.text or name.value!r}.",
            why="Ferryman runs functions on Node.js 20 or newer; older ones lack some features.",
            fix=did_you_mean(name.text, _RUNTIMES, "runtime"),
        )
    elif name.text == _DEPRECATED:
        yield warning(
            "runtime_deprecated",
            name.where,
            f"The runtime {_DEPRECATED} is deprecated.",
            why=_DEPRECATION,
            fix="Write nodejs22.x or nodejs24.x; here, the Node.js on your path runs the app.",
        )


def deprecation(manifest: Mapping[str, Any]) -> str | None:
    """Return a warning of a runtime that apps should leave; None for another one."""
    app = manifest.get("app")
    named = app.get("runtime") if isinstance(app, Mapping) else None
    if not isinstance(named, Mapping) or named.get("name") != _DEPRECATED:
        return None
    return (
        f"The runtime {_DEPRECATED} of the manifest is deprecated: {_DEPRECATION} Write "
        "nodejs22.x or nodejs24.x."
    )


CHECKS = (runtime,)

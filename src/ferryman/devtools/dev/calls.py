"""Read the calls of apps from the log of the platform's process."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ferryman.client.text import Line, clean

_SURFACES = ("/app/migration/forge/", "/rest/atlassian-connect/", "/wiki/rest/")


def calls_in(served: Path, begin: int) -> list[Line]:
    """Return the calls of apps in the platform's log from ``begin`` on."""
    entries, _ = entries_in(served, begin)
    return [call_line(entry, short=False)[1] for entry in entries if is_call(entry)]


def is_call(entry: Mapping[str, Any]) -> bool:
    """Return whether it is a call of an app, on a surface of the original."""
    return entry.get("event") == "request.answered" and str(entry.get("route")).startswith(
        _SURFACES
    )


def entries_in(served: Path, begin: int) -> tuple[list[dict[str, Any]], int]:
    """Return the entries of the platform's log from ``begin`` on, and where to continue."""
    with served.open("rb") as file:
        file.seek(begin)
        whole, end, _ = file.read(1 << 20).rpartition(b"\n")
    return list(_entries(whole)), begin + len(whole) + len(end)


def _entries(log: bytes) -> Iterator[dict[str, Any]]:
    for text in log.splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def call_line(entry: Mapping[str, Any], *, short: bool) -> tuple[tuple[object, ...], Line]:
    """Return a call of an app as a line, with the key that equal calls share."""
    route, status = str(entry.get("route")), entry.get("status")
    milliseconds = round(1000 * entry.get("seconds", 0))
    who = entry.get("app") or "an unknown app"
    what = f"{entry.get('method')} {_shortened(route) if short else route}"
    text = f"call      {what}: {status} in {milliseconds} ms"
    text += "" if short and entry.get("app") else f", by {who}"
    return ("call", what, status, who), (clean(text), "" if status == 200 else "red")


def _shortened(route: str) -> str:
    """Return a route without its common prefix, and with short names of ids."""
    path = next((route.removeprefix(each) for each in _SURFACES if route.startswith(each)), route)
    return path.replace("{transfer_id}", "{id}").replace("{message_id}", "{id}")

"""``ferryman agent check``: try the way to the platform and its store, step by step."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from ferryman.cli.app_session import ServerSession
from ferryman.cli.output.printing import print_json
from ferryman.client.text import clean

if TYPE_CHECKING:
    from ferryman.sdk.network_step import Step

_COLUMN = 21


def check(session: ServerSession) -> None:
    """Try an agent's network: proxy, name, TLS, token, clock, and a part to the store and back.

    Each step says what it found; the first that fails, what to do. The part of 8 MiB is removed
    again. Exit status 1 if a step failed.
    """
    from ferryman.sdk.network_check import NetworkCheck

    steps: list[Step] = []
    for step in NetworkCheck(*session.access).run():
        steps.append(step)
        if not session.as_json:
            typer.echo(clean(_text(step)))
    good = all(step.status != "failed" for step in steps)
    if session.as_json:
        print_json({"ok": good, "steps": [_document(step) for step in steps]})
    raise typer.Exit(0 if good else 1)


def _document(step: "Step") -> dict[str, object]:
    return {
        ("bytesPerSecond" if name == "bytes_per_second" else name): value
        for name, value in asdict(step).items()
        if value not in ("", None)
    }


def _text(step: "Step") -> str:
    first = f"{step.status:<8} {step.step:<11} {step.found}"
    if step.bytes_per_second is not None:
        first += f", {step.bytes_per_second / (1 << 20):.1f} MiB/s"
    if step.status != "failed":
        return first
    lines = [f"{step.status:<8} {step.step:<11} {step.code}"]
    facts = {"expected": step.expected, "found": step.found, "fix": step.fix}
    lines += [f"{' ' * _COLUMN}{name:<9} {text}" for name, text in facts.items() if text]
    return "\n".join(lines)

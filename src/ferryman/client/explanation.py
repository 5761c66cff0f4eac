"""Explain what happened to a transfer, and why it ended as it did, as values and as text."""

import time
from collections.abc import Iterator
from functools import partial

from ferryman.client import timeline_text
from ferryman.client.admin import AdminClient
from ferryman.client.pages import items
from ferryman.client.text import clean, result_line
from ferryman.wire.transfer import (
    Explanation,
    LinkView,
    MessageView,
    TimelineEntry,
    TransferExplanation,
)

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LINES_OF_OUTPUT = 200
_LATE = "failed_after_acknowledgement"


def explained(admin: AdminClient, transfer_id: str) -> TransferExplanation:
    """Explain a transfer once none of its attempts runs any more.

    An acknowledgement may settle a transfer while its handler still runs and may yet fail. An
    attempt that takes longer than a minute is not waited for.
    """
    limit = time.monotonic() + _PATIENCE_SECONDS
    while (explanation := admin.transfers.explain(transfer_id)).running_attempts:
        if time.monotonic() > limit:
            break
        time.sleep(_POLL_SECONDS)
    return explanation


def first_broken(explanation: Explanation | TransferExplanation) -> LinkView | None:
    """Return the link at which the chain is broken."""
    return next((link for link in explanation.links if link.name == explanation.broken), None)


def late_failure(explanation: TransferExplanation) -> LinkView | None:
    """Return the link that reports attempts that failed after an acknowledgement (ADR 0041)."""
    return next((link for link in explanation.links if link.cause == _LATE), None)


def findings(explanation: TransferExplanation) -> list[LinkView]:
    """Return all links that do not hold, in order."""
    return [link for link in explanation.links if not link.holds]


def link_line(link: LinkView, *, broken: bool) -> str:
    """Write one link; an ``x`` marks each that does not hold, the fix follows the first broken."""
    mark = " " if link.holds else "x"
    fix = f"\n{link.fix}" if broken and link.fix else ""
    return clean(f"{mark} {link.name}: {link.found}{fix}").replace("\n", "\n    ")


def chain_lines(links: list[LinkView], broken: str | None) -> list[str]:
    """Write a line for each link, and last the one that is broken first."""
    lines = [link_line(link, broken=link.name == broken) for link in links]
    return [*lines, f"broken at: {broken}" if broken else "nothing is broken"]


def transcript(admin: AdminClient, transfer_id: str) -> Iterator[str]:
    """Give the lines of a transfer's timeline, with what functions printed, then of its chain.

    Reports of tests keep them, as they outlive the platform.
    """
    yield result_line(admin.transfers.get(transfer_id))
    outputs = {
        (message.message_id, attempt.number): attempt.output.splitlines()
        for message in messages_of(admin, transfer_id)
        for attempt in message.attempts
        if attempt.output
    }
    for entry in timeline_of(admin, transfer_id):
        yield timeline_text.line(entry)
        output = outputs.get((entry.data.get("messageId", ""), entry.data.get("number", 0)), [])
        if entry.kind in ("attempt.delivered", "attempt.failed"):
            yield from (f"    | {clean(line)}" for line in output[:_LINES_OF_OUTPUT])
    explanation = admin.transfers.explain(transfer_id)
    yield ""
    yield from chain_lines(explanation.links, explanation.broken)


def messages_of(admin: AdminClient, transfer_id: str) -> Iterator[MessageView]:
    """Give every message of a transfer with its attempts, oldest first."""
    return items(partial(admin.transfers.messages, transfer_id))


def timeline_of(
    admin: AdminClient, transfer_id: str, kind: str | None = None
) -> Iterator[TimelineEntry]:
    """Give every entry of a transfer's timeline, in order; ``kind`` narrows them."""
    return items(partial(admin.transfers.timeline, transfer_id, kind=kind))

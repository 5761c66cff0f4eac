"""All that happened to a transfer, as text: for reports of tests, which outlive the platform."""

from collections.abc import Iterator

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages, timeline
from ferryman.cli.chain import link_line
from ferryman.cli.connection import Admin
from ferryman.cli.render import clean
from ferryman.cli.watch import result_line
from ferryman.wire.transfer import MessageView

_LINES_OF_OUTPUT = 200


def transcript(admin: Admin, transfer_id: str) -> Iterator[str]:
    """Give the lines of a transfer's timeline, with what functions printed, then of its chain."""
    yield result_line(admin.call(calls.get_transfer(transfer_id)))
    outputs = {
        (message.message_id, attempt.number): attempt.output.splitlines()
        for message in messages_of(admin, transfer_id)
        for attempt in message.attempts
        if attempt.output
    }
    for page in pages.pages(
        lambda after, size: admin.call(calls.get_timeline(transfer_id, after, size))
    ):
        for entry in page:
            yield timeline.line(entry)
            said = outputs.get((entry.data.get("messageId", ""), entry.data.get("number", 0)), [])
            if entry.kind in ("attempt.delivered", "attempt.failed"):
                yield from (f"    | {clean(line)}" for line in said[:_LINES_OF_OUTPUT])
    explanation = admin.call(calls.explain_transfer(transfer_id))
    yield ""
    for link in explanation.links:
        yield link_line(link, broken=link.name == explanation.broken)
    yield f"broken at: {explanation.broken}" if explanation.broken else "nothing is broken"


def messages_of(admin: Admin, transfer_id: str) -> Iterator[MessageView]:
    """Give every message of a transfer with its attempts, oldest first."""
    for page in pages.pages(
        lambda after, size: admin.call(calls.list_messages(transfer_id, after, size))
    ):
        yield from page

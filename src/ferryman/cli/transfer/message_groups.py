"""Counted messages as text."""

from ferryman.client.text import minute, table
from ferryman.vocab import GroupedBy
from ferryman.wire.message_group import MessageGroups


def group_lines(found: MessageGroups, by: GroupedBy) -> str:
    """Write groups of messages, the largest first."""
    rows = [
        (each.value or "-", each.number, minute(each.oldest), minute(each.newest))
        for each in found.items
    ]
    if not rows:
        return "None."
    about = "\nOf 10,000 of them." if found.approximate else ""
    return table((by.value.upper(), "MESSAGES", "OLDEST", "NEWEST"), rows) + about

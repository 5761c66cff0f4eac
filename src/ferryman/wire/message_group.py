"""JSON of counted messages."""

from ferryman.wire.base import Wire


class MessageGroupView(Wire, frozen=True):
    """Messages that have one value in common, and the newest of them; null: they have none."""

    value: str | None
    number: int
    oldest: int
    newest: int
    message_id: str


class MessageGroups(Wire, frozen=True):
    """Groups of messages, the largest first; ``more``: there are smaller ones.

    ``approximate``: there are more than 10,000 messages, and so many of them were grouped.
    """

    items: list[MessageGroupView]
    total: int
    approximate: bool = False
    more: bool = False

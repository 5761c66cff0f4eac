"""The parts of messages and attempts that the rules of diagnosis need."""

from dataclasses import dataclass

from ferryman.vocab import AckStatus, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt; ``cause`` and the ``error`` fields were recorded where it failed.

    ``returned``: only functions handled it and returned; ``left_running`` names what they left
    running. ``after_acknowledgement``: it failed after the message was acknowledged.
    """

    number: int
    target: str | None
    outcome: str
    duration_ms: int | None = None
    status: int | None = None
    error: str | None = None
    cause: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    error_frame: str | None = None
    after_acknowledgement: bool = False
    returned: bool = False
    left_running: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message with its attempts, oldest first; ``reason`` says why it was given up."""

    message_id: str
    event_type: str
    state: MessageState
    attempts: tuple[AttemptRecord, ...]
    key: str | None = None
    label: str | None = None
    reason: str | None = None
    acknowledgement: AckStatus | None = None

"""The words of notices: what they are about, and where they are told (ADR 97)."""

from enum import StrEnum


class NoticeKind(StrEnum):
    """What a notice is about (ADR 97); ``domain/notice.py`` says when each begins and ends."""

    SETTLED = "settled"
    STALLED = "stalled"
    DEADLINE_NEAR = "deadline_near"
    UNCLAIMED = "unclaimed"
    AGENT_GONE = "agent_gone"
    GIVEN_UP = "given_up"
    PAUSED = "paused"
    ENDPOINT_LEFT_ALONE = "endpoint_left_alone"
    QUOTA_NEAR = "quota_near"
    NO_WORKER = "no_worker"
    WORKER_FAILING = "worker_failing"
    STORE_FULL = "store_full"
    STORE_AWAY = "store_away"


class SinkKind(StrEnum):
    """Where notices are told: a webhook in the form of Standard Webhooks, Slack's, or mail."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    MAIL = "mail"


class NoticePart(StrEnum):
    """Which part of a notice is told, or a trial of the sink."""

    BEGAN = "began"
    ENDED = "ended"
    TEST = "test"


class TellingState(StrEnum):
    """Whether a sink was told."""

    WAITING = "waiting"
    TOLD = "told"
    GIVEN_UP = "given_up"

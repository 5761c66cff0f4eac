"""Log the events of queues: a line for each attempt, and what consumers print."""

from collections.abc import Callable

import structlog

from ferryman.domain.outcome import Outcome
from ferryman.services.queue_delivery import QueueDelivery

log = structlog.get_logger("ferryman.queue")


def printed(delivery: QueueDelivery, function: str) -> Callable[[str], None]:
    """Return a callback that logs the lines a consumer prints."""
    logger = log.bind(**_facts(delivery), function=function)
    return lambda text: logger.info("function.printed", text=text)


def log_outcome(delivery: QueueDelivery, outcome: Outcome) -> None:
    """Write the line of an attempt."""
    log.info(
        "queue.delivered" if outcome.ok else "queue.attempt_failed",
        **_facts(delivery),
        stage=outcome.stage,
        cause=outcome.cause,
        seconds=round(outcome.duration, 3),
    )


def _facts(delivery: QueueDelivery) -> dict[str, object]:
    event = delivery.event
    return {
        "app": delivery.app.cloud_app_key,
        "environment": delivery.app.environment,
        "queue": event.lane.queue,
        "job": event.job_id,
        # Not "event", which is structlog's own name.
        "queue_event": str(event.event_id),
        "number": event.number,
    }

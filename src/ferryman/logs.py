"""Structured logs on standard error: one line per event, named ``noun.verbed``, no prose."""

import logging
import sys

import msgspec
import structlog

from ferryman.ids import jitter

SLOW_SECONDS = 1.0
"""What takes longer is logged whatever the sample."""


def configure(*, json: bool, level: str = "info") -> None:
    """Send our logs and those of libraries to standard error, from a level on.

    They are formatted for people on a terminal, and as JSON lines with ``json`` or elsewhere.
    """
    json = json or not sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_encode)
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        # One write per line, since several processes share standard error.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")


def sampled(share: float, name: str) -> bool:
    """Return whether what went well is logged; all of one name, such as a request's id, or none."""
    return share >= 1 or jitter(name) < share


def _encode(entry: object, **_options: object) -> str:
    return msgspec.json.encode(entry, enc_hook=repr).decode()

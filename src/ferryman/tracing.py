"""Trace a call, the message that it queues, and the call of the app (W3C trace context).

The context is passed on, in text stored with the message, even if nobody collects spans. Spans are
created if ``ferryman[otel]`` is installed and ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import structlog

from ferryman.ids import ephemeral_id, new_span_id

log = structlog.get_logger("ferryman.tracing")

_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_current: ContextVar[str | None] = ContextVar("trace", default=None)
_tracers: list[Any] = []
"""The OpenTelemetry tracer, if spans are created."""


def configure() -> None:
    """Create spans from now on, if the variables of OpenTelemetry ask for it."""
    if _tracers or not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as exc:
        fix = "pip install 'WHEEL[otel]', WHEEL being the path of Ferryman's wheel"
        log.warning("traces.not_installed", missing=exc.name, fix=fix)
        return
    name = os.environ.get("OTEL_SERVICE_NAME", "ferryman")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracers.append(provider.get_tracer("ferryman"))


def current() -> str | None:
    """Return the current ``traceparent``; None outside any trace."""
    return _current.get()


def parse(header: str | None) -> str | None:
    """Return a caller's ``traceparent``; None if it is malformed."""
    return header if header is not None and _FORM.fullmatch(header) else None


@contextmanager
def span(
    name: str, parent: str | None, kind: Literal["server", "client"], **attributes: object
) -> Iterator[Any]:
    """Run the block in a span under ``parent``, which :func:`current` then returns.

    Yields the OpenTelemetry span; or None if none is created, when the trace is only passed on and
    no new one is begun.
    """
    if not _tracers:
        token = _current.set(parent)
        try:
            yield None
        finally:
            _current.reset(token)
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {} if parent is None else {"traceparent": parent}
    context = TraceContextTextMapPropagator().extract(carrier)
    with _tracers[0].start_as_current_span(
        name, context=context, kind=trace.SpanKind[kind.upper()], attributes=attributes
    ) as made:
        own = made.get_span_context()
        flags = f"{int(own.trace_flags):02x}"
        token = _current.set(f"00-{own.trace_id:032x}-{own.span_id:016x}-{flags}")
        try:
            yield made
        finally:
            _current.reset(token)


def outgoing() -> dict[str, str]:
    """Return the headers by which another service continues the trace, in both usual forms.

    A new trace is begun if there is none, since apps with remotes expect its ids in every call.
    """
    known = _current.get()
    trace_id = ephemeral_id().hex if known is None else known[3:35]
    # Our span is the parent of the app's spans; without one the attempt gets an id.
    span_id = known[36:52] if known is not None and _tracers else new_span_id()
    flags = "00" if known is None else known[53:]
    return {
        "traceparent": f"00-{trace_id}-{span_id}-{flags}",
        "x-b3-traceid": trace_id,
        "x-b3-spanid": span_id,
    }

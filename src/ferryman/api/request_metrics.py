"""Count requests by route in the metrics of Prometheus."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_LABELS = ("method", "path", "status_code", "app_name")


class RequestMetrics:
    """The request metrics of this process; one per process, see :func:`request_metrics`."""

    def __init__(self) -> None:
        self._total = Counter("ferryman_requests", "Total requests", _LABELS)
        self._failed = Counter("ferryman_requests_error", "Total errors in requests", _LABELS)
        self._seconds = Histogram(
            "ferryman_request_duration_seconds", "Request duration, in seconds", _LABELS
        )
        self.running = Gauge(
            "ferryman_requests_in_progress", "Total requests currently in progress"
        )
        self._begun = self._ended = 0
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def begin(self) -> None:
        """Count a request that begins."""
        self._begun += 1
        self.running.inc()

    def state(self) -> tuple[int, int]:
        """Return what differs after any request began or ended."""
        return self._begun, self._ended

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that ended; ``status`` is 0 if it was not answered."""
        self._ended += 1
        counters = self._known.get((method, route, status))
        if counters is None:
            labels = (method, route, str(status), "ferryman")
            counters = self._total.labels(*labels), self._seconds.labels(*labels)
            self._known[method, route, status] = counters
        total, duration = counters
        total.inc()
        duration.observe(seconds)
        if status >= 500:
            self._failed.labels(method, route, str(status), "ferryman").inc()


@cache
def request_metrics() -> RequestMetrics:
    """Return the metrics, which Prometheus lets a process register once."""
    return RequestMetrics()

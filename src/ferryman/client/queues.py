"""List the events that apps pushed to their queues."""

from ferryman.client.http import BASE, AdminHttp
from ferryman.queue_vocab import QueueEventState
from ferryman.sdk.operation import segment
from ferryman.wire.queue import QueueEventPage


class Queues:
    """The queues of the registered apps."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(
        self,
        name: str,
        cursor: str | None,
        size: int,
        *,
        queue: str | None = None,
        job_id: str | None = None,
        state: QueueEventState | None = None,
    ) -> QueueEventPage:
        """List an app's events, newest first."""
        query = {"queue": queue, "jobId": job_id, "state": state}
        return self._http.get(
            f"{BASE}/apps/{segment(name)}/queue-events",
            QueueEventPage,
            {**query, "cursor": cursor, "pageSize": size},
        )

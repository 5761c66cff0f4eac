"""Watch and stop jobs: one action on many messages or transfers."""

from ferryman.client.http import BASE, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.wire.job import ItemOutcome, JobItemPage, JobPage, JobView

_JOBS = f"{BASE}/jobs"


class Jobs:
    """Jobs, by their whole ids."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(self, cursor: str | None, size: int) -> JobPage:
        """List jobs of the last 30 days, newest first; a limited token lists its own."""
        return self._http.get(_JOBS, JobPage, {"cursor": cursor, "pageSize": size})

    def get(self, job_id: str) -> JobView:
        """Get a job with its progress."""
        return self._http.get(f"{_JOBS}/{segment(job_id)}", JobView)

    def items(
        self, job_id: str, cursor: str | None, size: int, *, outcome: ItemOutcome | None = None
    ) -> JobItemPage:
        """List the items of a job with their results."""
        query = {"outcome": outcome, "cursor": cursor, "pageSize": size}
        return self._http.get(f"{_JOBS}/{segment(job_id)}/items", JobItemPage, query)

    def stop(self, job_id: str) -> JobView:
        """Stop a job before its next item; repeatable."""
        return self._http.post(f"{_JOBS}/{segment(job_id)}/stop", JobView)

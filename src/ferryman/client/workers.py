"""The worker processes."""

from ferryman.client.http import BASE, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.wire.worker import RunningWorker, WorkerList

_WORKERS = f"{BASE}/workers"


class WorkerProcesses:
    """The worker processes of the platform."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(self) -> WorkerList:
        """List the workers in the order of their start."""
        return self._http.get(_WORKERS, WorkerList)

    def drain(self, worker_id: str) -> RunningWorker:
        """Have a worker finish what it holds and claim nothing more."""
        return self._http.post(f"{_WORKERS}/{segment(worker_id)}/drain", RunningWorker)

    def resume(self, worker_id: str) -> RunningWorker:
        """Let a worker that was drained work again."""
        return self._http.post(f"{_WORKERS}/{segment(worker_id)}/resume", RunningWorker)

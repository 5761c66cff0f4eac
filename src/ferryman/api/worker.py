"""Workers, for operators."""

from litestar import get, post

from ferryman.api.parameters import Author, Id, OwnPlatform
from ferryman.services import worker_list
from ferryman.wire.worker import RunningWorker, WorkerList


@get("/workers")
async def list_workers(platform: OwnPlatform) -> WorkerList:
    """List the worker processes: where each runs, when it was last seen, and what it holds."""
    return await worker_list.every(platform)


@post("/workers/{worker_id:str}/drain", status_code=200)
async def drain_worker(platform: OwnPlatform, actor: Author, worker_id: Id) -> RunningWorker:
    """Let a worker finish what it holds and claim nothing more; repeatable."""
    return await worker_list.drain(platform, worker_id, actor)


@post("/workers/{worker_id:str}/resume", status_code=200)
async def resume_worker(platform: OwnPlatform, actor: Author, worker_id: Id) -> RunningWorker:
    """Let a worker that was drained work again; repeatable."""
    return await worker_list.resume(platform, worker_id, actor)

"""Do the items of running jobs, one at a time.

An item and what comes of it are one transaction: a worker that is killed leaves the item open, for
the next one, and nothing is done twice.
"""

from uuid import UUID

from ferryman.errors import RuleError
from ferryman.services import message as message_service
from ferryman.services import transfer_command
from ferryman.services.platform import Platform
from ferryman.store import job as job_store
from ferryman.store.database import Transaction
from ferryman.store.job import StoredJob
from ferryman.wire.job import ItemOutcome, JobOperation


async def step(platform: Platform) -> bool:
    """Do one item of a running job; return whether there was one. Ends jobs that are through."""
    async with platform.database.transaction() as tx:
        taken = await job_store.take(tx)
        if taken is None:
            await job_store.end_finished(tx)
            return False
        job, number, target = taken
        try:
            # A savepoint, so that a refusal undoes what came before it.
            async with tx.connection.transaction():
                result = await _do(tx, job, target)
        except RuleError as exc:
            detail = f"expected {exc.expected}; found {exc.found}"
            await job_store.end_item(
                tx, job.job_id, number, ItemOutcome.REFUSED, code=exc.code, detail=detail
            )
        else:
            await job_store.end_item(tx, job.job_id, number, ItemOutcome.DONE, result=result)
    return True


async def _do(tx: Transaction, job: StoredJob, target: UUID) -> str | None:
    match job.operation:
        case JobOperation.REDELIVER:
            await message_service.redeliver_in(tx, str(target), job.by)
        case JobOperation.CANCEL:
            await transfer_command.cancel_in(tx, str(target), job.by)
        case JobOperation.RERUN:
            return (await transfer_command.rerun_in(tx, str(target), job.by)).transfer_id
    return None

"""Refusals are freed at once: a storm of them leaves no cycles for the garbage collector."""

import gc
import weakref
from collections.abc import Awaitable, Iterator
from time import monotonic
from uuid import uuid4

import pytest

from ferryman.api.throttle import AppThrottle
from ferryman.domain.rate import Rate
from ferryman.services import completion, intake
from ferryman.services.group_commit import GroupCommit
from ferryman.wire.upload import CompleteRequest, StoredPart
from tests.kit.services import Services

PARTS = [StoredPart(number=1, etag="0", size=1, sha256="0" * 64)]


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def is_freed(call: Awaitable[object]) -> bool:
    """Return whether what a call raises is gone with the last reference to it."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 - of any kind
        left = weakref.ref(error)
    else:
        raise AssertionError("nothing was refused")
    return left() is None


class _Failure(Exception):
    pass


async def test_a_call_too_many() -> None:
    throttle, app_id = AppThrottle(Rate(per_second=0.01, burst=1), monotonic), uuid4()

    async def admit() -> None:
        throttle.admit(app_id)

    await admit()
    assert await is_freed(admit())


async def test_an_answer_of_a_group() -> None:
    async def act(items: list[int]) -> list[int | Exception]:
        return [_Failure() for _ in items]

    assert await is_freed(GroupCommit().do("key", 1, act))


async def test_a_group_that_fails() -> None:
    async def act(_items: list[int]) -> list[int | Exception]:
        raise _Failure

    assert await is_freed(GroupCommit().do("key", 1, act))


async def test_an_acknowledgement_of_an_unknown_message(services: Services) -> None:
    transfer_id = await services.start_transfer()
    assert await is_freed(services.acknowledge(transfer_id, str(uuid4())))


async def test_the_completion_of_an_unknown_upload(services: Services) -> None:
    request = CompleteRequest(parts=PARTS)
    call = completion.complete(services.platform, services.app, str(uuid4()), request)
    assert await is_freed(call)


async def test_the_completion_of_a_file_with_an_invalid_digest(services: Services) -> None:
    transfer_id = await services.start_transfer()
    view = await intake.begin(services.platform, services.app, transfer_id, "label", None)
    request = CompleteRequest(parts=PARTS, sha256="none")
    call = completion.complete(services.platform, services.app, view.upload_id, request)
    assert await is_freed(call)


async def test_the_beginning_of_a_file_with_an_invalid_label(services: Services) -> None:
    transfer_id = await services.start_transfer()
    call = intake.begin(services.platform, services.app, transfer_id, "x" * 100_000, None)
    assert await is_freed(call)

"""What an earlier transfer of the same app and scope sent is taken over, and nothing of others."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from ferryman.domain.access import Actor, Reach
from ferryman.domain.limits import DATA_LIFE
from ferryman.errors import Conflict
from ferryman.objects.port import HeldPart
from ferryman.services import app as app_service
from ferryman.services import completion, intake, purge
from ferryman.services import customer as customer_service
from ferryman.services import migration as migration_service
from ferryman.services import sweep as sweep_service
from ferryman.services import upload as upload_service
from ferryman.services.open_upload import sign_parts
from ferryman.store.purge import Whose
from ferryman.vocab import AppKind, Audience, Role
from ferryman.wire.app import AppRegistration
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.upload import (
    CompleteRequest,
    PartRequest,
    PartUrls,
    StoredPart,
    UploadRequest,
    UploadView,
)
from tests.kit.services import Services

DATA, OTHER = b"harbour" * 1_000, b"anchors" * 1_000
FIRST = b"f" * (5 << 20)


def part_of(data: bytes, number: int = 1) -> PartRequest:
    return PartRequest(number=number, size=len(data), sha256=sha256(data).hexdigest())


async def start(services: Services, agent: str = "agent") -> str:
    """Start a transfer whose claim nobody else gets, however long the test takes."""
    transfer_id = await services.start_transfer(agent)
    await keep_claim(services, transfer_id)
    return transfer_id


async def keep_claim(services: Services, transfer_id: str) -> None:
    await services.fetch(
        "UPDATE transfer SET claim_confirmed = true, claim_seen_at = now() + interval '1 day'"
        " WHERE transfer_id = $1",
        UUID(transfer_id),
    )


async def begin(services: Services, transfer_id: str, part: PartRequest) -> UploadView:
    file = UploadRequest(label="l", part=part, reuse=True)
    [answer] = await intake.begin_batch(services.platform, services.app, transfer_id, [file])
    assert isinstance(answer, UploadView)
    return answer


async def send(services: Services, transfer_id: str, data: bytes) -> str:
    """Send a file, which is not held; return its key."""
    view = await begin(services, transfer_id, part_of(data))
    assert view.held is None
    await services.put(view.part, data)
    part = part_of(data)
    held = StoredPart(number=1, etag=part.sha256, size=part.size, sha256=part.sha256)
    return (await services.complete(view.upload_id, held)).key


async def reuse(services: Services, transfer_id: str, data: bytes) -> str:
    """Register a file that is held, without sending it; return its key."""
    view = await begin(services, transfer_id, part_of(data))
    assert view.part is None
    assert view.held is not None
    return (await services.complete(view.upload_id, view.held)).key


async def is_held(services: Services, transfer_id: str, part: PartRequest) -> bool:
    view = await begin(services, transfer_id, part)
    assert (view.held is None) == (view.part is not None)
    return view.held is not None


async def content(services: Services, key: str) -> bytes:
    return b"".join([chunk async for chunk in services.platform.objects.stream(key)])


async def send_parts(services: Services, transfer_id: str, *chunks: bytes) -> str:
    """Send a file of several parts, however many are held; return its key."""
    view = await intake.begin(services.platform, services.app, transfer_id, "l")
    parts = []
    for number, data in enumerate(chunks, start=1):
        place = await place_of(services, view, part_of(data, number), chunks[0])
        if place.held:
            parts += place.held
            continue
        await services.put(place.parts[0], data)
        digest = sha256(data).hexdigest()
        parts.append(StoredPart(number=number, etag=digest, size=len(data), sha256=digest))
    request = CompleteRequest(parts=parts)
    return (await completion.complete(services.platform, services.app, view.upload_id, request)).key


async def place_of(
    services: Services, view: UploadView, part: PartRequest, first: bytes
) -> PartUrls:
    digest = sha256(first).hexdigest()
    return await sign_parts(services.platform, services.app, view.upload_id, [part], digest)


async def test_a_held_file_is_registered_without_being_sent(services: Services) -> None:
    earlier = await start(services)
    first = await send(services, earlier, DATA)
    again = await start(services, "again")
    second = await reuse(services, again, DATA)
    assert second != first
    assert await content(services, second) == DATA
    assert (await services.state(again)).files == 1
    [row] = await services.fetch("SELECT * FROM app_data WHERE key = $1", UUID(second))
    assert (row["size"], row["sha256"]) == (len(DATA), sha256(DATA).hexdigest())


async def test_parts_of_a_large_file_are_taken_over_one_by_one(services: Services) -> None:
    await send_parts(services, await start(services), FIRST, FIRST[::-1], DATA)
    again = await start(services, "again")
    view = await intake.begin(services.platform, services.app, again, "l")
    assert (await place_of(services, view, part_of(FIRST), FIRST)).held
    assert not (await place_of(services, view, part_of(OTHER, 3), FIRST)).held
    # Its first part tells which file is meant.
    assert not (await place_of(services, view, part_of(FIRST), OTHER)).held
    key = await send_parts(services, again, FIRST, FIRST[::-1], OTHER)
    assert await content(services, key) == FIRST + FIRST[::-1] + OTHER


@pytest.mark.parametrize(
    "wrong",
    [
        part_of(OTHER),
        PartRequest(number=1, size=len(DATA) - 1, sha256=sha256(DATA).hexdigest()),
        PartRequest(number=1, size=len(DATA), sha256="0" * 64),
        part_of(b""),
    ],
)
async def test_who_names_other_bytes_has_to_send_them(
    services: Services, wrong: PartRequest
) -> None:
    await send(services, await start(services), DATA)
    assert not await is_held(services, await start(services, "again"), wrong)


async def test_nothing_of_another_customer_scope_or_app_is_held(services: Services) -> None:
    """Each of them holds the bytes, and none of the others can tell."""
    customer = CustomerRequest(customer="acme")
    ann = Actor(name="ann", role=Role.ADMIN, request="harbour-42")
    await customer_service.create(services.platform, customer, ann)
    ben = Actor(name="ben", role=Role.OPERATOR, reach=Reach(("acme",)))
    kept = services.app
    registration = AppRegistration(
        kind=AppKind.FORGE, server_app_key="another", cloud_app_key="another.cloud"
    )
    tokens = await app_service.register(services.platform, registration)
    another = await app_service.authenticate(
        services.platform, tokens.server_token, Audience.SERVER
    )
    for app, source, site, by in (
        (kept, "harbour", "https://harbour.example", None),
        (kept, "harbour", "https://harbour.example", ben),
        (kept, "harbour", "https://other.example", None),
        (kept, "other", "https://harbour.example", None),
        (another, "harbour", "https://harbour.example", None),
    ):
        mine = replace(services, app=app)
        request = MigrationRequest(
            name="Moves",
            cloud_url=site,
            source_id=source,
            apps=[app.cloud_app_key],
            customer="default" if by is None else None,
        )
        for number in range(2):
            view = await migration_service.create(services.platform, request, by or ann)
            await migration_service.start(services.platform, view.migration_id, by or ann)
            claimed = await mine.claim(view.migration_id)
            assert claimed is not None
            await keep_claim(services, claimed.transfer_id)
            if number == 0:
                await send(mine, claimed.transfer_id, DATA)
            else:
                await reuse(mine, claimed.transfer_id, DATA)


async def test_the_same_transfer_is_no_earlier_one(services: Services) -> None:
    transfer_id = await start(services)
    await send(services, transfer_id, DATA)
    assert not await is_held(services, transfer_id, part_of(DATA))


async def test_a_file_that_has_expired_is_not_held(services: Services) -> None:
    earlier = await start(services)
    await send(services, earlier, DATA)
    age = "UPDATE transfer SET started_at = started_at - $2::interval WHERE transfer_id = $1"
    await services.fetch(age, UUID(earlier), DATA_LIFE - timedelta(hours=1))
    assert await is_held(services, await start(services, "again"), part_of(DATA))
    await services.fetch(age, UUID(earlier), timedelta(hours=1))
    assert not await is_held(services, await start(services, "later"), part_of(DATA))


async def test_a_setting_has_everything_sent(services: Services) -> None:
    await send(services, await start(services), DATA)
    settings = services.platform.settings.model_copy(update={"reuse_files": False})
    without = replace(services, platform=replace(services.platform, settings=settings))
    assert not await is_held(without, await start(services, "again"), part_of(DATA))


async def test_who_does_not_ask_gets_a_url(services: Services) -> None:
    await send(services, await start(services), DATA)
    again = await start(services, "again")
    view = await intake.begin(services.platform, services.app, again, "l", None, part_of(DATA))
    assert view.held is None
    assert view.part is not None


async def test_deleting_the_source_leaves_the_copy_and_the_copy_is_deleted_too(
    services: Services,
) -> None:
    first = await send(services, await start(services), DATA)
    second = await reuse(services, await start(services, "again"), DATA)
    await services.platform.objects.delete(first)
    assert await content(services, second) == DATA
    await purge.delete_files(services.platform, Whose(app_id=services.app.app_id))
    files = [each async for each in services.platform.objects.files()]
    assert second not in files
    root = services.platform.settings.data_dir
    digest = sha256(DATA).hexdigest()
    left = [path for path in root.rglob("*") if path.is_file() and path.stat().st_size == len(DATA)]
    assert [path for path in left if sha256(path.read_bytes()).hexdigest() == digest] == []


async def test_a_source_that_is_deleted_in_the_same_instant_is_sent(services: Services) -> None:
    first = await send(services, await start(services), DATA)
    again = await start(services, "again")
    copy_part = services.platform.objects.copy_part

    async def deleted_meanwhile(
        key: str, ref: str, part: PartRequest, held: HeldPart
    ) -> StoredPart | None:
        assert held.key == first
        await services.platform.objects.delete(first)
        return await copy_part(key, ref, part, held)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.platform.objects, "copy_part", deleted_meanwhile)
        key = await send(services, again, DATA)
    assert await content(services, key) == DATA


async def test_deletions_and_copies_at_once_lose_nothing(services: Services) -> None:
    earlier = await start(services)
    contents = [b"%d" % number * 500 for number in range(1, 21)]
    keys = [await send(services, earlier, each) for each in contents]
    again = await start(services, "again")

    async def register(data: bytes) -> str:
        view = await begin(services, again, part_of(data))
        if view.held is None:
            return await send(services, again, data)
        return (await services.complete(view.upload_id, view.held)).key

    made, _ = await asyncio.gather(
        asyncio.gather(*(register(each) for each in contents)),
        asyncio.gather(*(services.platform.objects.delete(key) for key in keys)),
    )
    assert [await content(services, key) for key in made] == contents


async def test_a_copy_for_a_file_that_was_given_up_is_removed(services: Services) -> None:
    await send(services, await start(services), DATA)
    again = await start(services, "again")
    copy_part = services.platform.objects.copy_part
    given_up: list[str] = []

    async def given_up_meanwhile(
        key: str, ref: str, part: PartRequest, held: HeldPart
    ) -> StoredPart | None:
        [row] = await services.fetch("SELECT upload_id FROM upload WHERE key = $1", UUID(key))
        await upload_service.give_up(services.platform, services.app, str(row["upload_id"]))
        given_up.append(key)
        # A small file may come after it was given up; a larger one finds its name taken.
        services.platform.objects._files.object(key).rmdir()  # type: ignore[attr-defined]
        return await copy_part(key, ref, part, held)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.platform.objects, "copy_part", given_up_meanwhile)
        view = await begin(services, again, part_of(DATA))
    assert view.held is not None
    with pytest.raises(Conflict, match="upload_closed"):
        await services.complete(view.upload_id, view.held)
    [key] = given_up
    assert not services.platform.objects._files.object(key).is_file()  # type: ignore[attr-defined]


async def test_a_client_that_is_killed_leaves_nothing_behind(services: Services) -> None:
    """The copy is there and never completed: the sweep removes it once the transfer settled."""
    first = await send(services, await start(services), DATA)
    again = await start(services, "again")
    view = await begin(services, again, part_of(DATA))
    assert view.held is not None
    await services.advance(timedelta(minutes=20))
    await services.fire_timer(again)
    assert (await services.state(again)).status.final
    await services.advance(timedelta(days=2))
    await sweep_service.sweep(services.platform)
    files = [each async for each in services.platform.objects.files()]
    assert files == [first]

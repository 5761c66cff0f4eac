"""Lists show exactly the rows that their filters say, in their order, page by page."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from ferryman.clock import epoch_ms
from ferryman.domain.access import Actor, Reach
from ferryman.errors import Invalid, NotFound
from ferryman.services import clock, message_list, migration_list, search, transfer_list
from ferryman.services.message_list import MessageListQuery
from ferryman.services.migration_list import MigrationQuery
from ferryman.services.transfer_list import TransferQuery
from ferryman.store import listing
from ferryman.store import message_list as message_store
from ferryman.store import migration_list as migration_store
from ferryman.store import transfer_list as transfer_store
from ferryman.vocab import (
    Acknowledged,
    EventType,
    FailureCause,
    GroupedBy,
    ListSort,
    MessageState,
    Role,
    TransferSort,
    TransferStatus,
)
from tests.kit.services import Services

COUNT = 60
OF_ACME = Actor(name="ann", role=Role.VIEWER, reach=Reach(("acme",)))
OF_APP = Actor(name="ben", role=Role.APP_OWNER, reach=Reach(None, ("cloud-b",)))


@dataclass(frozen=True)
class Sent:
    """A message as the test wrote it."""

    message_id: UUID
    event_type: EventType
    state: str
    cause: str | None
    acknowledgement: str | None
    label: str
    error: str | None
    due: datetime | None


@dataclass(frozen=True)
class Row:
    """A transfer as the test wrote it, with its only message."""

    transfer_id: UUID
    migration_id: UUID
    name: str
    customer: str
    app: str
    environment: str
    site: str
    status: str
    created_at: datetime
    moved_at: datetime | None
    settled_at: datetime | None
    sent: Sent

    def stuck(self, now: datetime) -> bool:
        if self.status == "READY":
            return now - self.created_at > timedelta(minutes=1)
        moved = self.status == "IN_PROGRESS" and self.moved_at
        return bool(moved) and now - self.moved_at > timedelta(seconds=450)  # type: ignore[operator]


@dataclass(frozen=True)
class World:
    """What the database holds, and when."""

    services: Services
    rows: list[Row]
    now: datetime


@pytest.fixture(params=[listing.FEW, 2], ids=["looked up", "filtered"])
async def world(
    services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> World:
    """Rows of every kind; rare texts and causes are looked up first, or never."""
    for module in (transfer_store, message_store, migration_store):
        monkeypatch.setattr(module, "FEW", request.param)
    await clock.freeze(services.platform)  # or more is stuck by the time that a slow machine takes
    now = await services.platform.database.now()
    dice = random.Random(42)  # noqa: S311 - the same rows every time
    await services.fetch("INSERT INTO customer VALUES ('acme', now()), ('bolt', now())")
    apps, scopes = {}, {}
    for app, environment in (("cloud-a", "staging"), ("cloud-b", "staging"), ("cloud-b", "live")):
        apps[app, environment] = uuid4()
        await services.fetch(
            "INSERT INTO app (app_id, kind, server_app_key, cloud_app_key, environment,"
            " access_scopes, created_at) VALUES ($1, 'forge', 'server', $2, $3, '{}', $4)",
            *(apps[app, environment], app, environment, now),
        )
    for customer in ("acme", "bolt"):
        for host in ("one.example", "two.example"):
            scopes[customer, f"https://{host}"] = uuid4()
            await services.fetch(
                "INSERT INTO migration_scope (migration_scope_id, customer, source_id, cloud_url)"
                " VALUES ($1, $2, 'source', $3)",
                *(scopes[customer, f"https://{host}"], customer, f"https://{host}"),
            )
    rows = [_row(dice, number, now) for number in range(COUNT)]
    for row in rows:
        await _write(services, row, scopes[row.customer, row.site], apps[row.app, row.environment])
    return World(services, rows, now)


def _row(dice: random.Random, number: int, now: datetime) -> Row:
    status = dice.choice(["READY", "IN_PROGRESS", "SUCCESS", "FAILED", "TIMED_OUT"])
    # Some are made in the same instant.
    created = now - timedelta(seconds=60 * (number // 2) + 5)
    state = dice.choice(["PENDING", "DELIVERED", "UNDELIVERED"])
    cause = dice.choice([None, None, "function_raised", "connection_refused"])
    final = status in ("SUCCESS", "FAILED", "TIMED_OUT")
    app, environment = dice.choice(
        [("cloud-a", "staging"), ("cloud-b", "staging"), ("cloud-b", "live")]
    )
    return Row(
        transfer_id=uuid4(),
        migration_id=uuid4(),
        name=f"{dice.choice(['Harbour', 'Zebra'])}-{dice.choice(['moves', 'crossing'])} {number}",
        customer=dice.choice(["acme", "bolt"]),
        app=app,
        environment=environment,
        site=f"https://{dice.choice(['one.example', 'two.example'])}",
        status=status,
        created_at=created,
        moved_at=None if status == "READY" else created + timedelta(seconds=dice.randint(0, 30)),
        settled_at=created + timedelta(seconds=40) if final else None,
        sent=Sent(
            message_id=uuid4(),
            event_type=dice.choice([EventType.UPLOADED, EventType.UPLOADED, EventType.SETTLED]),
            state=state,
            cause=cause,
            acknowledgement=dice.choice([None, "SUCCESS", "FAILED"]),
            label=f"{dice.choice(['Pages', '100%_Wiki'])}-{number}",
            error=None if cause is None else f"ValueError: {dice.choice(['giraffe', 'lion'])}s",
            due=created if state == "PENDING" else None,
        ),
    )


async def _write(services: Services, row: Row, scope_id: UUID, app_id: UUID) -> None:
    sent = row.sent
    await services.fetch(
        "INSERT INTO migration (migration_id, migration_scope_id, name, created_at)"
        " VALUES ($1, $2, $3, $4)",
        *(row.migration_id, scope_id, row.name, row.created_at),
    )
    await services.fetch(
        "INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, released_at, status,"
        " window_seconds, started_at, settled_at) VALUES ($1, $2, $3, $4, $4, $5, 900, $6, $7)",
        *(row.transfer_id, row.migration_id, app_id, row.created_at, row.status),
        *(row.moved_at, row.settled_at),
    )
    await services.fetch(
        "INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, created_at,"
        " state, acknowledgement, next_attempt_at, attempts) VALUES ($1, $2, $3, $4,"
        " jsonb_build_object('eventType', 'x', 'label', $9::text), $5, $6, $7, $8, 2)",
        *(sent.message_id, row.transfer_id, app_id, sent.event_type.value, row.created_at),
        *(sent.state, sent.acknowledgement, sent.due, sent.label),
    )
    # Only the last attempt counts.
    for number, cause, error in ((1, "app_failed", "an earlier lion"), (2, sent.cause, sent.error)):
        await services.fetch(
            "INSERT INTO attempt (message_id, number, started_at, outcome, cause, error)"
            " VALUES ($1, $2, $3, 'FAILED', $4, $5)",
            *(sent.message_id, number, row.created_at, cause, error),
        )
    await services.fetch(
        "INSERT INTO upload (upload_id, transfer_id, key, store_ref, state, created_at)"
        " VALUES ($1, $2, $1, '', 'COMPLETED', $3)",
        *(sent.message_id, row.transfer_id, row.created_at),
    )
    await services.fetch(
        "INSERT INTO app_data (key, transfer_id, upload_id, message_id, label, size, sha256, parts,"
        " created_at) VALUES ($1, $2, $1, $1, $3, 1, '', '[]', $4)",
        *(sent.message_id, row.transfer_id, sent.label, row.created_at),
    )


def ms(world: World, number: int) -> int:
    return epoch_ms(world.rows[number].created_at)


Fits = Callable[[Row], bool]

TRANSFERS: dict[str, tuple[Callable[[World], TransferQuery], Callable[[World], Fits]]] = {
    "all": (lambda _: TransferQuery(), lambda _: lambda _: True),
    "status": (
        lambda _: TransferQuery(status=TransferStatus.FAILED),
        lambda _: lambda row: row.status == "FAILED",
    ),
    "app and environment": (
        lambda _: TransferQuery(app="cloud-b@live"),
        lambda _: lambda row: row.environment == "live",
    ),
    "environment": (
        lambda _: TransferQuery(environment="staging"),
        lambda _: lambda row: row.environment == "staging",
    ),
    "environment of no app": (
        lambda _: TransferQuery(environment="production"),
        lambda _: lambda _: False,
    ),
    "another environment than the app's": (
        lambda _: TransferQuery(app="cloud-b@live", environment="staging"),
        lambda _: lambda _: False,
    ),
    "customer": (
        lambda _: TransferQuery(customer="acme"),
        lambda _: lambda row: row.customer == "acme",
    ),
    "site by host": (
        lambda _: TransferQuery(site="one.example"),
        lambda _: lambda row: row.site == "https://one.example",
    ),
    "site by URL": (
        lambda _: TransferQuery(site="https://two.example/"),
        lambda _: lambda row: row.site == "https://two.example",
    ),
    "unknown site": (lambda _: TransferQuery(site="three.example"), lambda _: lambda _: False),
    "migration": (
        lambda world: TransferQuery(migration_id=str(world.rows[3].migration_id)),
        lambda world: lambda row: row == world.rows[3],
    ),
    "text": (
        lambda _: TransferQuery(text="ZEB cross"),
        lambda _: lambda row: row.name.startswith("Zebra-crossing"),
    ),
    "text of a site": (
        lambda _: TransferQuery(text="two.ex"),
        lambda _: lambda row: row.site == "https://two.example",
    ),
    "text of signs": (lambda _: TransferQuery(text="%' \\ !"), lambda _: lambda _: False),
    "cause": (
        lambda _: TransferQuery(cause=FailureCause.FUNCTION_RAISED),
        lambda _: lambda row: row.sent.cause == "function_raised",
    ),
    "cause of an earlier attempt": (
        lambda _: TransferQuery(cause=FailureCause.APP_FAILED),
        lambda _: lambda _: False,
    ),
    "stuck": (
        lambda _: TransferQuery(stuck=True),
        lambda world: lambda row: row.stuck(world.now),
    ),
    "time": (
        lambda world: TransferQuery(since=ms(world, 40), to=ms(world, 10)),
        lambda world: lambda row: ms(world, 40) <= epoch_ms(row.created_at) < ms(world, 10),
    ),
    "several": (
        lambda _: TransferQuery(text="zebra", customer="acme", status=TransferStatus.SUCCESS),
        lambda _: (
            lambda row: (
                row.name.startswith("Zebra") and row.customer == "acme" and row.status == "SUCCESS"
            )
        ),
    ),
}


async def test_transfers(world: World) -> None:
    for name in TRANSFERS:
        await _check_transfers(world, name)


async def _all_items(page: Callable[..., Awaitable[Any]], total: int) -> list[Any]:
    """Return the items of all pages; each page counts the whole list."""
    items: list[Any] = []
    cursor = None
    while True:
        found = await page(cursor=cursor, size=7, count=True)
        assert (found.total, found.approximate) == (total, False)
        items += found.items
        cursor = found.next_cursor
        if cursor is None:
            return items


async def _check_transfers(world: World, name: str) -> None:
    make, rule = TRANSFERS[name]
    query, fits = make(world), rule(world)
    expected = [row for row in world.rows if fits(row)]
    newest = sorted(expected, key=lambda row: (row.created_at, row.transfer_id), reverse=True)
    deadline = sorted(
        (row for row in expected if row.status == "IN_PROGRESS"),
        key=lambda row: (row.moved_at, row.transfer_id),
    )
    settled = sorted(
        (row for row in expected if row.settled_at),
        key=lambda row: (row.settled_at, row.transfer_id),
        reverse=True,
    )
    orders = {
        TransferSort.NEWEST: newest,
        TransferSort.OLDEST: newest[::-1],
        TransferSort.DEADLINE: deadline,
        TransferSort.SETTLED: settled,
    }
    for sort, rows in orders.items():
        page = partial(transfer_list.page, world.services.platform, replace(query, sort=sort))
        ids = [item.transfer_id for item in await _all_items(page, len(rows))]
        assert ids == [str(row.transfer_id) for row in rows], (name, sort)


async def test_a_summary_says_what_the_filter_says(world: World) -> None:
    page = await transfer_list.page(
        world.services.platform, TransferQuery(), cursor=None, size=COUNT
    )
    stuck = {str(row.transfer_id) for row in world.rows if row.stuck(world.now)}
    assert {each.transfer_id for each in page.items if each.stuck} == stuck
    customers = {str(row.transfer_id): row.customer for row in world.rows}
    assert {each.transfer_id: each.customer for each in page.items} == customers


MESSAGES: dict[str, tuple[Callable[[World], MessageListQuery], Callable[[World], Fits]]] = {
    "all": (lambda _: MessageListQuery(), lambda _: lambda _: True),
    "state": (
        lambda _: MessageListQuery(state=MessageState.PENDING),
        lambda _: lambda row: row.sent.state == "PENDING",
    ),
    "acknowledged": (
        lambda _: MessageListQuery(acknowledgement=Acknowledged.FAILED),
        lambda _: lambda row: row.sent.acknowledgement == "FAILED",
    ),
    "not acknowledged": (
        lambda _: MessageListQuery(acknowledgement=Acknowledged.NONE),
        lambda _: lambda row: row.sent.acknowledgement is None,
    ),
    "event": (
        lambda _: MessageListQuery(event_type=EventType.SETTLED),
        lambda _: lambda row: row.sent.event_type is EventType.SETTLED,
    ),
    "files that are not acknowledged": (
        lambda _: MessageListQuery(
            event_type=EventType.UPLOADED, acknowledgement=Acknowledged.NONE
        ),
        lambda _: (
            lambda row: (
                row.sent.event_type is EventType.UPLOADED and row.sent.acknowledgement is None
            )
        ),
    ),
    "app": (
        lambda _: MessageListQuery(app="cloud-a"),
        lambda _: lambda row: row.app == "cloud-a",
    ),
    "customer and site": (
        lambda _: MessageListQuery(customer="bolt", site="two.example"),
        lambda _: lambda row: row.customer == "bolt" and row.site == "https://two.example",
    ),
    "transfer": (
        lambda world: MessageListQuery(transfer_id=str(world.rows[5].transfer_id)),
        lambda world: lambda row: row == world.rows[5],
    ),
    "migration": (
        lambda world: MessageListQuery(migration_id=str(world.rows[5].migration_id)),
        lambda world: lambda row: row == world.rows[5],
    ),
    "cause": (
        lambda _: MessageListQuery(cause=FailureCause.CONNECTION_REFUSED),
        lambda _: lambda row: row.sent.cause == "connection_refused",
    ),
    "label": (
        lambda _: MessageListQuery(text="100%_w"),
        lambda _: lambda row: row.sent.label.startswith("100"),
    ),
    "label with signs of a pattern": (
        lambda _: MessageListQuery(text="100__"),
        lambda _: lambda _: False,
    ),
    "last error": (
        lambda _: MessageListQuery(text="giraffe valueerror"),
        lambda _: lambda row: "giraffe" in (row.sent.error or ""),
    ),
    "stuck": (
        lambda _: MessageListQuery(stuck=True),
        lambda world: (
            lambda row: (
                (row.sent.state == "UNDELIVERED" and row.sent.acknowledgement is None)
                or (row.sent.due is not None and world.now - row.sent.due > timedelta(minutes=1))
            )
        ),
    ),
    "time": (
        lambda world: MessageListQuery(since=ms(world, 40), to=ms(world, 10)),
        lambda world: lambda row: ms(world, 40) <= epoch_ms(row.created_at) < ms(world, 10),
    ),
}


async def test_messages(world: World) -> None:
    for name in MESSAGES:
        await _check_messages(world, name)


async def _check_messages(world: World, name: str) -> None:
    make, rule = MESSAGES[name]
    query, fits = make(world), rule(world)
    rows = [str(row.sent.message_id) for row in world.rows if fits(row)]
    for sort, expected in ((ListSort.OLDEST, rows), (ListSort.NEWEST, rows[::-1])):
        page = partial(message_list.page, world.services.platform, replace(query, sort=sort))
        ids = [item.message_id for item in await _all_items(page, len(rows))]
        assert ids == expected, (name, sort)
    for grouped, value in GROUPS.items():
        found = await message_list.groups(world.services.platform, query, grouped)
        counted = Counter(value(row) for row in world.rows if fits(row))
        assert {each.value: each.number for each in found.items} == counted, (name, grouped)
        assert found.total == len(rows)


GROUPS: dict[GroupedBy, Callable[[Row], str | None]] = {
    GroupedBy.APP: lambda row: f"{row.app}@{row.environment}",
    GroupedBy.CAUSE: lambda row: row.sent.cause,
    GroupedBy.STATUS_CODE: lambda _: None,
    GroupedBy.LABEL: lambda row: row.sent.label,
    GroupedBy.EVENT: lambda row: row.sent.event_type,
    GroupedBy.STATE: lambda row: row.sent.state,
}


MIGRATIONS: dict[str, tuple[MigrationQuery, Callable[[World], Fits]]] = {
    "all": (MigrationQuery(), lambda _: lambda _: True),
    "name": (MigrationQuery(name="ra-CROSS"), lambda _: lambda row: "Zebra-cross" in row.name),
    "two characters of the name": (
        MigrationQuery(name="RA"),
        lambda _: lambda row: "ra" in row.name.lower(),
    ),
    "text": (
        MigrationQuery(text="cross zeb"),
        lambda _: lambda row: row.name.startswith("Zebra-crossing"),
    ),
    "status": (
        MigrationQuery(status=TransferStatus.TIMED_OUT),
        lambda _: lambda row: row.status == "TIMED_OUT",
    ),
    "status of an app": (
        MigrationQuery(status=TransferStatus.SUCCESS, app="cloud-a"),
        lambda _: lambda row: row.status == "SUCCESS" and row.app == "cloud-a",
    ),
    "environment": (
        MigrationQuery(environment="live"),
        lambda _: lambda row: row.environment == "live",
    ),
    "stuck": (MigrationQuery(stuck=True), lambda world: lambda row: row.stuck(world.now)),
    "site of a customer": (
        MigrationQuery(site="one.example", customer="acme"),
        lambda _: lambda row: row.site == "https://one.example" and row.customer == "acme",
    ),
}


async def test_migrations(world: World) -> None:
    for name in MIGRATIONS:
        await _check_migrations(world, name)


async def _check_migrations(world: World, name: str) -> None:
    query, fits = MIGRATIONS[name][0], MIGRATIONS[name][1](world)
    rows = sorted(
        (row for row in world.rows if fits(row)),
        key=lambda row: (row.created_at, row.migration_id),
    )
    oldest = [str(row.migration_id) for row in rows]
    for sort, expected in ((ListSort.OLDEST, oldest), (ListSort.NEWEST, oldest[::-1])):
        page = partial(migration_list.page, world.services.platform, replace(query, sort=sort))
        ids = [item.migration_id for item in await _all_items(page, len(rows))]
        assert ids == expected, (name, sort)


async def test_lists_and_search_stay_within_what_the_caller_sees(world: World) -> None:
    for by in (OF_ACME, OF_APP):
        await _check_within(world, by)


async def _check_within(world: World, by: Actor) -> None:
    platform = world.services.platform
    own = [row for row in world.rows if by.reach.has(row.customer, row.app)]
    transfers = await transfer_list.page(platform, TransferQuery(), by, cursor=None, size=COUNT)
    assert {each.transfer_id for each in transfers.items} == {str(row.transfer_id) for row in own}
    messages = await message_list.page(platform, MessageListQuery(), by, size=COUNT)
    assert {each.message_id for each in messages.items} == {str(row.sent.message_id) for row in own}
    ids = {
        str(each)
        for row in own
        for each in (row.transfer_id, row.migration_id, row.sent.message_id)
    }
    for text in ("zebra", "harbour", "pages", "lion", "two", *list(_ids(world))):
        found = await search.search(platform, text, by)
        shown = {each.id for each in found.items if each.kind != "app"}
        assert shown <= ids, text
        foreign = [each.customer for each in found.items if each.customer is not None]
        assert by.reach.customers is None or set(foreign) <= set(by.reach.customers)


def _ids(world: World) -> list[str]:
    return [str(row.transfer_id)[:8] for row in world.rows]


async def test_search_finds_by_each_text(world: World) -> None:
    for text, kind, matched in (
        ("zebra", "migration", "name"),
        ("zebra cross", "transfer", "name"),
        ("CLOUD-B", "app", "key"),
        ("pages-", "message", "label"),
        ("giraffes", "message", "error"),
    ):
        found = await search.search(world.services.platform, text)
        assert (kind, matched) in {(each.kind.value, each.matched) for each in found.items}
        beginning = text.lower().split()[0]
        assert all(beginning in each.text.lower() for each in found.items if each.kind == kind)


async def test_search_finds_any_id_by_its_beginning(world: World) -> None:
    row = world.rows[7]
    for whole, kind in (
        (row.transfer_id, "transfer"),
        (row.migration_id, "migration"),
        (row.sent.message_id, "message"),
    ):
        found = await search.search(world.services.platform, str(whole)[:12])
        assert [(each.kind, each.id) for each in found.items if each.matched == "id"] == [
            (kind, str(whole))
        ]


async def test_filters_that_nothing_can_match_are_refused(services: Services) -> None:
    cases: list[tuple[TransferQuery, Any, str]] = [
        (TransferQuery(customer="nobody"), NotFound, "customer_not_found"),
        (TransferQuery(app="nobody"), NotFound, "app_not_found"),
        (TransferQuery(text="a\0b"), Invalid, "text_invalid"),
        (TransferQuery(site="\0"), Invalid, "cloud_url_invalid"),
        (TransferQuery(environment="\ud800"), Invalid, "environment_invalid"),
        (TransferQuery(since=-1), Invalid, "instant_invalid"),
    ]
    for query, error, code in cases:
        with pytest.raises(error, match=code):
            await transfer_list.page(services.platform, query, cursor=None, size=None)


async def test_a_cursor_belongs_to_its_list(world: World) -> None:
    platform = world.services.platform
    first = await transfer_list.page(platform, TransferQuery(), cursor=None, size=5)
    for other, by in (
        (TransferQuery(sort=TransferSort.OLDEST), None),
        (TransferQuery(stuck=True), None),
        (TransferQuery(), OF_ACME),
    ):
        with pytest.raises(Invalid, match="cursor_invalid"):
            await transfer_list.page(
                platform, other, *([by] if by else []), cursor=first.next_cursor, size=5
            )


async def test_names_of_any_form_can_be_listed(services: Services) -> None:
    """One word of any length, words without end, and every character."""
    for name in ("x" * 1_000, "a b " * 250, "'\\:*&|!()<->", "ünïcödé 漢字", "\u202e\u0001 rtl"):
        await services.fetch("SELECT search_words($1), search_query($1)", name * 66)
        query = TransferQuery(text=name[:1_000])
        page = await transfer_list.page(services.platform, query, cursor=None, size=5, count=True)
        assert (page.items, page.total) == ([], 0)


async def test_above_what_is_counted_the_total_is_an_estimate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "EXACT", 20)
    await world.services.fetch("ANALYZE")
    platform = world.services.platform
    many = await transfer_list.page(platform, TransferQuery(), cursor=None, size=5, count=True)
    assert many.approximate
    assert 0.5 * COUNT <= (many.total or 0) <= 2 * COUNT
    few = await transfer_list.page(
        platform, TransferQuery(status=TransferStatus.FAILED), cursor=None, size=5, count=True
    )
    expected = sum(row.status == "FAILED" for row in world.rows)
    assert few.approximate == (expected > 20)

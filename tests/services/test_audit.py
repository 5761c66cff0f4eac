"""The audit log: a row for each change, and a chain that tells of every changed or removed row."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from ferryman.domain.access import Actor
from ferryman.domain.audit import Entry, content
from ferryman.errors import Invalid
from ferryman.services import access_token as access_token_service
from ferryman.services import audit
from ferryman.services import customer as customer_service
from ferryman.vocab import Role
from ferryman.wire.access_token import TokenRequest
from ferryman.wire.customer import CustomerRequest
from tests.kit.services import Services

ANN = Actor(name="ann", role=Role.ADMIN, address="192.0.2.7", request="harbour-42")
ALL = audit.AuditQuery()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def rows(services: Services) -> Any:
    return (await audit.page(services.platform, ALL, cursor=None, size=None)).items


async def write(services: Services, count: int) -> None:
    for number in range(count):
        await customer_service.create(
            services.platform, CustomerRequest(customer=f"c{number}"), ANN
        )


async def tamper(services: Services, statement: str) -> None:
    """Change the log as somebody with a connection may."""
    await services.fetch("ALTER TABLE audit DISABLE TRIGGER audit_append_only")
    await services.fetch(statement)


async def test_a_row_says_who_what_and_from_where(services: Services) -> None:
    issued = await access_token_service.create(
        services.platform, TokenRequest(name="ben", role=Role.VIEWER, customers=["default"]), ANN
    )
    row = (await rows(services))[0]
    assert (row.actor, row.role, row.address, row.request) == (
        *("ann", "admin", "192.0.2.7", "harbour-42"),
    )
    assert (row.operation, row.target, row.before) == ("create_token", "ben", None)
    assert row.after["customers"] == ["default"]
    assert issued.token not in str(row)


async def test_what_is_refused_leaves_no_row(services: Services) -> None:
    before = await rows(services)
    with pytest.raises(Invalid):
        await customer_service.create(services.platform, CustomerRequest(customer="Not a key"), ANN)
    assert await rows(services) == before


async def test_concurrent_calls_make_one_chain(services: Services) -> None:
    requests = [CustomerRequest(customer=f"c{number}") for number in range(40)]
    await asyncio.gather(
        *(customer_service.create(services.platform, each, ANN) for each in requests)
    )
    proof = await audit.verify(services.platform)
    assert proof.ok
    assert proof.rows == 41  # and the app of the test


@pytest.mark.parametrize(
    ("statement", "at", "found"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 3", 3, "changed"),
        ("UPDATE audit SET address = NULL WHERE seq = 3", 3, "changed"),
        ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 3", 3, "changed"),
        ("UPDATE audit SET before = '', after = NULL WHERE seq = 3", 3, "changed"),
        ("UPDATE audit SET target = operation, operation = target WHERE seq = 3", 3, "changed"),
        ("DELETE FROM audit WHERE seq = 3", 3, "row 4 after row 2"),
        ("DELETE FROM audit WHERE seq = 1", 1, "row 2 after row 0"),
        ("DELETE FROM audit WHERE seq = 6", 6, "although 6 were written"),
        ("TRUNCATE audit", 1, "although 6 were written"),
    ],
)
async def test_a_row_changed_by_sql_is_found(
    services: Services, statement: str, at: int, found: str
) -> None:
    await write(services, 5)
    assert (await audit.verify(services.platform)).ok
    await tamper(services, statement)
    proof = await audit.verify(services.platform)
    assert not proof.ok
    assert proof.broken_at == at
    assert found in (proof.found or "")


async def test_a_kept_hash_finds_a_chain_that_was_shortened(services: Services) -> None:
    """Whoever may write the table may compute the chain again, but not what was kept elsewhere."""
    await write(services, 5)
    whole = await audit.verify(services.platform)
    known = f"{whole.seq}:{whole.hash}"
    assert (await audit.verify(services.platform, known)).ok
    await tamper(services, "DELETE FROM audit WHERE seq > 4")
    await services.fetch(
        "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)"
    )
    assert (await audit.verify(services.platform)).ok
    assert not (await audit.verify(services.platform, known)).ok
    await write_again(services)
    assert (await audit.verify(services.platform)).ok
    proof = await audit.verify(services.platform, known)
    assert (proof.broken_at, proof.found) == (6, "another hash than the known one")


async def write_again(services: Services) -> None:
    for number in range(2):
        await customer_service.create(
            services.platform, CustomerRequest(customer=f"d{number}"), ANN
        )


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"])
async def test_the_table_takes_no_change(services: Services, statement: str) -> None:
    with pytest.raises(Exception, match="never changed"):
        await services.fetch(statement)


@pytest.mark.parametrize("known", ["x", "1:abc", ":" + "0" * 64, "9" * 20, "-1:"])
async def test_a_malformed_known_link_is_refused(services: Services, known: str) -> None:
    with pytest.raises(Invalid, match="known_link_invalid"):
        await audit.verify(services.platform, known)


async def test_filters_and_pages(services: Services) -> None:
    await write(services, 5)
    wanted = audit.AuditQuery(operation="create_customer", actor="ann")
    first = await audit.page(services.platform, wanted, cursor=None, size=3)
    rest = await audit.page(services.platform, wanted, cursor=first.next_cursor, size=3)
    found = [row.target for row in (*first.items, *rest.items)]
    assert found == ["c4", "c3", "c2", "c1", "c0"]
    assert rest.next_cursor is None
    one = audit.AuditQuery(customer="c2", target="c2")
    assert [
        row.seq for row in (await audit.page(services.platform, one, cursor=None, size=9)).items
    ]
    assert not (
        await audit.page(services.platform, audit.AuditQuery(to=1), cursor=None, size=9)
    ).items
    exported = [line async for line in audit.lines(services.platform)]
    assert len(exported) == 6


def test_no_field_can_shift_into_another() -> None:
    def entry(**changed: Any) -> Entry:
        names = [*Entry.__dataclass_fields__]
        return Entry(**{**dict.fromkeys(names, "1:1"), "at": NOON, **changed})

    entries = [entry(), entry(actor="1:13:", role="1"), entry(before=None), entry(after=None)]
    entries += [entry(before="", after="1:1"), entry(address="-", request=None)]
    assert len({content(each) for each in entries}) == len(entries)

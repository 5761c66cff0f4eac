"""What an app keeps is deleted with the app, with the customer, by a reset, and at its end."""

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ferryman.config import Settings
from ferryman.domain.access import Actor
from ferryman.domain.key_value import Write
from ferryman.errors import Invalid, LimitExceeded, NotAllowed
from ferryman.server.build import build
from ferryman.services import app as app_service
from ferryman.services import app_removal, expunge, maintenance, purge, signing_key
from ferryman.services import customer as customer_service
from ferryman.services import key_value as key_value_service
from ferryman.services import state as state_service
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import encode_cursor
from ferryman.services.quota import HeldBytes
from ferryman.store.app import AppRow
from ferryman.vocab import AppKind, Role
from ferryman.wire.app import AppRegistration
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.state import NewStateEntry, StateLoad, StateReset
from tests.kit.services import Services

ANN = Actor(name="ann", role=Role.ADMIN)
HARBOUR, QUAY = "https://harbour.example", "https://quay.example"


async def keep(services: Services, app: AppRow, *keys: str, secret: bool = False) -> None:
    for key in keys:
        write = Write(key=key, value=b'"x"')
        await key_value_service.put(services.platform, app, write, secret=secret)


async def kept(services: Services) -> list[str]:
    """All keys of all apps, with their sites."""
    rows = await services.fetch(
        "SELECT site, key FROM app_value JOIN app_site USING (app_site_id) ORDER BY site, key"
    )
    return [
        f"{row['site'].removeprefix('https://').partition('.')[0]} {row['key']}" for row in rows
    ]


@pytest.fixture
async def on(services: Services) -> dict[str, AppRow]:
    """The app on two sites, as calls of functions for each make it."""
    sites = {}
    for site in (HARBOUR, QUAY):
        await services.plan(site)
        sites[site] = replace(services.app, site=site)
        await keep(services, sites[site], "a", "b")
    return sites


async def test_a_site_without_a_customer_keeps_nothing(services: Services) -> None:
    stranger = replace(services.app, site="https://nobody.example")
    with pytest.raises(NotAllowed, match="kvs_installation_gone"):
        await keep(services, stranger, "a")
    with pytest.raises(NotAllowed, match="kvs_installation_missing"):
        await keep(services, services.app, "a")
    # An operator may put something there, so that the first migration finds it.
    entries = [NewStateEntry(key="seeded", value=1)]
    await state_service.load(
        services.platform,
        services.app.cloud_app_key,
        StateLoad(site=str(stranger.site), entries=entries),
    )
    await keep(services, stranger, "a")
    assert await kept(services) == ["nobody a", "nobody seeded"]


async def test_a_reset_is_of_one_site_or_of_all(services: Services, on: dict[str, AppRow]) -> None:
    name = services.app.cloud_app_key
    removed = await state_service.reset(services.platform, name, StateReset(site=HARBOUR + "/"))
    assert removed.removed == 2
    assert await kept(services) == ["quay a", "quay b"]
    await keep(services, on[HARBOUR], "c")
    assert (await state_service.reset(services.platform, name, StateReset())).removed == 3
    assert await kept(services) == []


async def test_many_values_go_in_steps(
    services: Services, on: dict[str, AppRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "_VALUES", 2)
    await keep(services, on[QUAY], "c", "d", "e")
    removed = await purge.delete_state(services.platform, services.app.app_id)
    assert removed["values"] == 7
    assert await services.fetch("SELECT FROM app_site") == []


async def test_a_removed_app_leaves_nothing_and_keeps_nothing(
    services: Services, on: dict[str, AppRow]
) -> None:
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    await app_removal.remove(services.platform, services.app.cloud_app_key)
    assert await services.fetch("SELECT FROM app_site") == []
    # A function of it that still runs.
    with pytest.raises(NotAllowed, match="kvs_installation_gone"):
        await keep(services, on[HARBOUR], "late")


async def test_a_customer_takes_along_what_is_kept_on_own_sites(
    services: Services, on: dict[str, AppRow]
) -> None:
    """What is kept on a site that another customer has too stays for that one."""
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    await services.plan(HARBOUR, "acme")
    own = "https://acme.example"
    await services.plan(own, "acme")
    app = replace(services.app, site=own)
    await keep(services, app, "a", "b", "c")
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    ring = KeyRing(*await signing_key.read(services.platform))
    answer = await expunge.expunge(services.platform, ring, "acme", ANN)
    assert answer.deleted["values"] == 3
    assert await kept(services) == ["harbour a", "harbour b", "quay a", "quay b"]
    with pytest.raises(NotAllowed, match="kvs_installation_gone"):
        await keep(services, app, "late")


async def test_two_customers_of_a_site_that_go_at_once_leave_nothing(
    services: Services, on: dict[str, AppRow]
) -> None:
    """The first may not leave the values to one whose deletion has begun already."""
    for customer in ("acme", "bolt"):
        await customer_service.create(services.platform, CustomerRequest(customer=customer), ANN)
        await services.plan("https://shared.example", customer)
    await keep(services, replace(services.app, site="https://shared.example"), "a")
    await services.fetch("UPDATE transfer SET status = 'CANCELLED', settled_at = now()")
    ring = KeyRing(*await signing_key.read(services.platform))
    # As the first transaction of its deletion leaves it.
    await services.fetch("UPDATE customer SET expunged_at = now() WHERE customer = 'bolt'")
    await expunge.expunge(services.platform, ring, "acme", ANN)
    assert "shared a" not in await kept(services)
    await expunge.expunge(services.platform, ring, "bolt", ANN)
    assert await kept(services) == ["harbour a", "harbour b", "quay a", "quay b"]


async def test_a_page_over_many_sites_ends_with_its_bytes(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_service, "PAGE_BYTES", 5)
    for number in range(4):
        site = f"https://s{number}.example"
        await services.plan(site)
        await keep(services, replace(services.app, site=site), "a", "b")
    name, cursor = services.app.cloud_app_key, None
    sizes: list[list[tuple[str, str]]] = []
    while not sizes or cursor:
        page = await state_service.page(
            services.platform, name, state_service.StateQuery(), cursor=cursor, size=100
        )
        sizes.append([(each.site[8:10], each.key) for each in page.items])
        cursor = page.next_cursor
    # Two values of three bytes exceed five.
    assert sizes == [[(f"s{number}", "a"), (f"s{number}", "b")] for number in range(4)]


async def test_values_are_removed_when_they_are_over(
    services: Services, on: dict[str, AppRow]
) -> None:
    for key, minutes in (("soon", 1), ("later", 90)):
        write = Write(key=key, value=b"1", lifetime=timedelta(minutes=minutes))
        await key_value_service.put(services.platform, on[QUAY], write, secret=False)
    await services.advance(timedelta(hours=1))
    assert (await maintenance.run(services.platform))["values"] == 1
    assert await kept(services) == ["harbour a", "harbour b", "quay a", "quay b", "quay later"]


async def test_values_count_among_the_bytes_of_an_app(
    services: Services, on: dict[str, AppRow]
) -> None:
    """Four values with keys take sixteen."""
    limited = replace(services.platform, held_bytes=HeldBytes(20))
    write = Write(key="c", value=b'"x"')
    await key_value_service.put(limited, on[QUAY], write, secret=False)
    with pytest.raises(LimitExceeded, match="app_bytes_exceeded"):
        await key_value_service.put(limited, on[QUAY], write, secret=False)


async def test_values_that_replace_one_another_count_once(
    services: Services, on: dict[str, AppRow]
) -> None:
    """What was counted as it came is added up before more is refused."""
    limited = replace(services.platform, held_bytes=HeldBytes(28))
    for _ in range(5):
        write = Write(key="c", value=b'"x"')
        await key_value_service.put(limited, on[QUAY], write, secret=False)


async def test_the_operator_sees_no_secret(services: Services, on: dict[str, AppRow]) -> None:
    await keep(services, on[HARBOUR], "token", "a", secret=True)
    name = services.app.cloud_app_key
    found: list[Any] = []
    cursor = None
    while True:
        page = await state_service.page(
            services.platform, name, state_service.StateQuery(), cursor=cursor, size=2
        )
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    shown = [(each.site, each.key, each.secret, each.value is None) for each in found]
    assert shown == [
        (HARBOUR, "a", False, False),
        (HARBOUR, "b", False, False),
        (HARBOUR, "a", True, True),
        (HARBOUR, "token", True, True),
        (QUAY, "a", False, False),
        (QUAY, "b", False, False),
    ]


async def test_secrets_of_apps_are_sealed(database: str, tmp_path: Path) -> None:
    """Also again, with a key that takes the place of another."""
    keys = [base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2)]
    file = tmp_path / "keys"
    chosen: dict[str, Any] = {"data_dir": tmp_path, "clock": "virtual", "secret_key_file": file}
    registration = AppRegistration(kind=AppKind.FORGE, server_app_key="s", cloud_app_key="c")
    entry = NewStateEntry(key="token", value="swordfish", secret=True)
    for text in (keys[0], "\n".join(reversed(keys)), keys[1]):
        file.write_text(text)
        async with build(Settings(**chosen), database) as built:
            platform = built.platform
            if text == keys[0]:
                await app_service.register(platform, registration)
                await state_service.load(platform, "c", StateLoad(site=QUAY, entries=[entry]))
            async with platform.database.transaction() as tx:
                [row] = await tx.connection.fetch("SELECT value FROM app_value")
                app = replace(await app_service.find(tx, "c"), site=QUAY)
            assert b"swordfish" not in row["value"]
            found = await key_value_service.read(platform, app, ["token"], secret=True)
            assert found["token"].value == b'"swordfish"'
            await signing_key.seal_again(platform)


async def test_the_first_writes_on_a_site_come_at_once(services: Services) -> None:
    """One of them opens the site; the others find it open, and none is lost."""
    for number in range(5):
        site = f"https://s{number}.example"
        await services.plan(site)
        app = replace(services.app, site=site)
        await asyncio.gather(*(keep(services, app, f"k{each}") for each in range(5)))
    assert len(await kept(services)) == 25


async def test_writers_and_a_reset_wait_for_each_other(
    services: Services, on: dict[str, AppRow]
) -> None:
    async def write() -> None:
        for _ in range(30):
            await keep(services, on[HARBOUR], "a", "b")

    async def empty() -> None:
        for _ in range(30):
            await purge.delete_state(services.platform, services.app.app_id)

    await asyncio.gather(write(), write(), empty())


@pytest.mark.usefixtures("on")
async def test_an_interrupted_removal_keeps_no_values(services: Services) -> None:
    # What is left if the process ends right after the first transaction.
    query = "UPDATE app SET removed_at = now() WHERE app_id = $1"
    await services.fetch(query, services.app.app_id)
    assert await kept(services)
    await maintenance.run(services.platform)
    assert await kept(services) == []


async def test_a_forged_cursor_is_refused(services: Services, on: dict[str, AppRow]) -> None:
    name, which = services.app.cloud_app_key, state_service.StateQuery()
    query = ("state", services.app.app_id, which)
    for text in ("", "x", "1", "[1,2,3]", '["s",false,"\\u0000"]', '["s",5,"a"]'):
        cursor = encode_cursor(text, *query)
        with pytest.raises(Invalid):
            await state_service.page(services.platform, name, which, ANN, cursor=cursor, size=1)
    app = on[HARBOUR]
    forged = key_value_service.cursor_after(app, "", "a\0")
    with pytest.raises(Invalid):
        await key_value_service.page(services.platform, app, "", cursor=forged, limit=1)

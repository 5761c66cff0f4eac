"""A customer is deleted with all it owns, and nothing of anybody else."""

from typing import Any

import jwt
import pytest

from ferryman.domain.access import Actor, Reach
from ferryman.errors import Conflict, Invalid, NotAuthenticated, NotFound
from ferryman.services import access_token as access_token_service
from ferryman.services import audit, expunge, migration_list, signing_key
from ferryman.services import customer as customer_service
from ferryman.services import migration as migration_service
from ferryman.services.key_ring import KeyRing
from ferryman.tokens import RECEIPT_AUDIENCE
from ferryman.vocab import Role
from ferryman.wire.access_token import TokenRequest
from ferryman.wire.customer import CustomerRequest
from ferryman.wire.migration import MigrationRequest
from tests.kit.services import Services

ANN = Actor(name="ann", role=Role.ADMIN, request="harbour-42")
OF_ACME = Actor(name="ben", role=Role.OPERATOR, reach=Reach(("acme",)))
TABLES: tuple[str, ...] = (
    "migration_scope",
    "migration",
    "transfer",
    "intake",
    "message",
    "attempt",
    "timeline",
)
MAPPING = (
    "WITH made AS (INSERT INTO mapping_namespace (migration_scope_id, namespace)"
    " VALUES ($1, $2) RETURNING namespace_id)"
    " INSERT INTO {table} (namespace_id, writer, written_at, server_key, cloud_key)"
    " SELECT namespace_id, 1, now(), '1', '2' FROM made"
)
TABLES += ("upload", "app_data", "container", "mapping", "mapping_earlier", "mapping_namespace")


async def run(services: Services, by: Actor, *, settle: bool = True) -> str:
    """Run a whole migration of a customer; return the key of its file."""
    view = await migration_service.create(
        services.platform,
        MigrationRequest(
            name="Moves",
            cloud_url="https://harbour.example",
            source_id="harbour",
            apps=[services.app.cloud_app_key],
            customer=None if by.reach.customers else "default",
        ),
        by,
    )
    await migration_service.start(services.platform, view.migration_id, by)
    claimed = await services.claim("agent")
    assert claimed is not None
    receipt = await services.upload(claimed.transfer_id)
    for table in ("mapping", "mapping_earlier"):
        await services.fetch(
            MAPPING.format(table=table), view.migration_scope_id, f"{table}:{receipt.key}"
        )
    if settle:
        await services.acknowledge(claimed.transfer_id, receipt.message_id)
        await services.complete_export(claimed.transfer_id)
    return receipt.key


async def counts(services: Services) -> dict[str, int]:
    return {
        table: (await services.fetch(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
        for table in TABLES
    }


async def keys(services: Services) -> KeyRing:
    return KeyRing(*await signing_key.read(services.platform))


async def test_all_of_a_customer_goes_and_nothing_else(services: Services) -> None:
    ring = await keys(services)
    kept = await run(services, ANN)
    before = await counts(services)
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    gone = await run(services, OF_ACME)
    token = TokenRequest(name="ben", role=Role.OPERATOR, customers=["acme"])
    secret = (await access_token_service.create(services.platform, token)).token
    answer = await expunge.expunge(services.platform, ring, "acme", ANN)
    assert await counts(services) == before
    objects: Any = services.platform.objects
    assert await objects.size(kept) == 7
    with pytest.raises(NotFound):
        await objects.size(gone)
    with pytest.raises(NotAuthenticated):
        await access_token_service.authenticate(services.platform, secret)
    with pytest.raises(NotFound):
        await expunge.expunge(services.platform, ring, "acme", ANN)
    claims = jwt.decode(
        answer.receipt, ring.current.public, algorithms=["RS256"], audience=RECEIPT_AUDIENCE
    )
    assert claims["customer"] == "acme"
    assert claims["deletedBy"] == "ann"
    told = {"migrations": 1, "transfers": 1, "files": 1, "bytes": 7, "mappings": 2, "sites": 1}
    assert told.items() <= claims["deleted"].items()
    assert await expunge.last_receipt(services.platform, "acme") == answer.receipt
    proof = await audit.verify(services.platform)
    assert proof.ok


async def test_nobody_is_deleted_while_a_transfer_runs(services: Services) -> None:
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    await run(services, OF_ACME, settle=False)
    before = await counts(services)
    with pytest.raises(Conflict, match="customer_has_transfers"):
        await expunge.expunge(services.platform, await keys(services), "acme", ANN)
    assert await counts(services) == before
    # It is as open as before.
    await run(services, OF_ACME)


async def test_an_interrupted_deletion_is_repeated(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    await run(services, OF_ACME)

    async def die(*_: object) -> None:
        raise RuntimeError("killed")

    ring = await keys(services)
    with monkeypatch.context() as patched:
        patched.setattr(expunge, "_migration", die)
        with pytest.raises(RuntimeError):
            await expunge.expunge(services.platform, ring, "acme", ANN)
    with pytest.raises(NotFound, match="customer_not_found"):
        await run(services, OF_ACME)
    answer = await expunge.expunge(services.platform, ring, "acme", ANN)
    assert answer.deleted["migrations"] == 1
    assert sum((await counts(services)).values()) == 0


async def test_the_default_customer_stays_but_empty(services: Services) -> None:
    await run(services, ANN)
    await expunge.expunge(services.platform, await keys(services), "default", ANN)
    assert sum((await counts(services)).values()) == 0
    await run(services, ANN)


async def test_whose_a_migration_is_must_be_said_where_there_are_several(
    services: Services,
) -> None:
    plan = MigrationRequest(
        name="Moves",
        cloud_url="https://a.example",
        source_id="s",
        apps=[services.app.cloud_app_key],
    )
    assert (await migration_service.create(services.platform, plan, ANN)).customer == "default"
    await customer_service.create(services.platform, CustomerRequest(customer="acme"), ANN)
    with pytest.raises(Invalid, match="customer_missing"):
        await migration_service.create(services.platform, plan, ANN)
    of_acme = await migration_service.create(services.platform, plan, OF_ACME)
    assert of_acme.customer == "acme"
    # The same site of another customer is another site.
    scopes = {
        each.migration_scope_id for each in (await migration_list.page(services.platform)).items
    }
    assert len(scopes) == 2
    found = (await migration_list.page(services.platform, None, OF_ACME)).items
    assert [each.customer for each in found] == ["acme"]

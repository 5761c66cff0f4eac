"""Apps that are kept out: suspended for a while, or removed."""

from datetime import timedelta

import pytest

from ferryman.domain.outcome import succeeded
from ferryman.errors import Conflict, NotAllowed, NotAuthenticated, NotFound
from ferryman.services import app as app_service
from ferryman.services import app_list, app_removal
from ferryman.vocab import AppKind, Audience
from ferryman.wire.app import AppRegistration
from tests.kit.services import Services

OK = succeeded(duration=0.1)


async def register(services: Services) -> tuple[str, str]:
    """Register the test's app again; return both of its tokens."""
    own = services.app
    made = await app_service.register(
        services.platform,
        AppRegistration(
            kind=AppKind(own.kind),
            server_app_key=own.server_app_key,
            cloud_app_key=own.cloud_app_key,
            manifest=own.manifest,
            source=own.source,
        ),
    )
    return made.server_token, made.cloud_token


async def test_a_suspended_app_may_not_call_and_gets_nothing(services: Services) -> None:
    server, cloud = await register(services)
    name = services.app.cloud_app_key
    await services.start_transfer()
    first = await app_removal.suspend(services.platform, name)
    assert (await app_removal.suspend(services.platform, name)).suspended_at == first.suspended_at
    for token, audience in ((server, Audience.SERVER), (cloud, Audience.CLOUD)):
        with pytest.raises(NotAllowed, match="app_suspended"):
            await app_service.authenticate(services.platform, token, audience)
    with pytest.raises(NotAllowed, match="app_suspended"):
        await app_service.by_claims(services.platform, str(services.app.app_id))
    worker = services.worker()
    assert await worker.claim() == []
    assert await services.message_states() == {"PENDING": 1}
    # Registering it again, as its owner may, does not lift the suspension.
    await register(services)
    assert await worker.claim() == []
    assert (await app_removal.resume(services.platform, name)).suspended_at is None
    await app_service.authenticate(services.platform, server, Audience.SERVER)
    assert await worker.deliver_all(OK) == 1
    assert await services.message_states() == {"DELIVERED": 1}


async def test_tokens_of_earlier_registrations_are_revoked(services: Services) -> None:
    old = await register(services)
    await services.advance(timedelta(seconds=1))
    new = await register(services)
    for token, audience in zip((*old, *new), (Audience.SERVER, Audience.CLOUD) * 2, strict=True):
        await app_service.authenticate(services.platform, token, audience)
    name = services.app.cloud_app_key
    revoked = await app_removal.revoke_older_tokens(services.platform, name)
    assert revoked.revoked == 4, "with those of the first registration"
    for token, audience in zip(old, (Audience.SERVER, Audience.CLOUD), strict=True):
        with pytest.raises(NotAuthenticated):
            await app_service.authenticate(services.platform, token, audience)
    for token, audience in zip(new, (Audience.SERVER, Audience.CLOUD), strict=True):
        await app_service.authenticate(services.platform, token, audience)
    assert (await app_removal.revoke_older_tokens(services.platform, name)).revoked == 0


async def test_an_agent_that_waited_gets_no_transfer_of_a_suspended_app(
    services: Services,
) -> None:
    """Its token was checked before; the transfer waits for it."""
    transfer_id = await services.create_transfer()
    await app_removal.suspend(services.platform, services.app.cloud_app_key)
    with pytest.raises(NotAllowed, match="app_suspended"):
        await services.claim("agent")
    await app_removal.resume(services.platform, services.app.cloud_app_key)
    claimed = await services.claim("agent")
    assert claimed is not None
    assert claimed.transfer_id == transfer_id


async def test_an_app_is_removed_once_its_transfers_settled(services: Services) -> None:
    server, cloud = await register(services)
    name = services.app.cloud_app_key
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    with pytest.raises(Conflict, match="app_has_transfers"):
        await app_removal.remove(services.platform, name)
    await services.acknowledge(transfer_id, receipt.message_id)
    await services.complete_export(transfer_id)
    removed = await app_removal.remove(services.platform, name)
    assert (removed.deleted_files, removed.deleted_bytes) == (1, 7)
    with pytest.raises(NotFound):
        await services.platform.objects.size(receipt.key)
    for token, audience in ((server, Audience.SERVER), (cloud, Audience.CLOUD)):
        with pytest.raises(NotAuthenticated):
            await app_service.authenticate(services.platform, token, audience)
    with pytest.raises(NotAuthenticated):
        await app_service.by_claims(services.platform, str(services.app.app_id))
    for text in (name, str(services.app.app_id)):
        with pytest.raises(NotFound):
            await app_service.view(services.platform, text)
    assert (await app_list.page(services.platform)).items == []
    assert await services.worker().claim() == []
    # Its history stays, and its key is free.
    assert (await services.state(transfer_id)).status.final
    await register(services)
    assert (await app_service.view(services.platform, name)).suspended_at is None

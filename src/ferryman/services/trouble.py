"""Find what is wrong now, and why, by the first broken link of an explanation."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ferryman.domain.diagnosis.workers import link_of_workers
from ferryman.domain.limits import NOTICE_CHARACTERS
from ferryman.domain.notice import HALF, NEAR, OpenNotice, Trouble
from ferryman.domain.scrub import scrubbed
from ferryman.errors import NotFound
from ferryman.notice_vocab import NoticeKind
from ferryman.services import concern, diagnosis, health
from ferryman.services.platform import Platform
from ferryman.store import transfer as transfer_store
from ferryman.store import trouble as trouble_store
from ferryman.store import worker as worker_store
from ferryman.store.database import Transaction
from ferryman.store.trouble import FailingEndpoint, SettledTransfer
from ferryman.text import plural
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import Explanation, LinkView, TransferExplanation

_EXPLAINED = 20
"""Troubles of one look that are explained: each takes many statements."""

_STARTED = {
    NoticeKind.STALLED: "half of the time to the deadline has passed and nothing moved it",
    NoticeKind.DEADLINE_NEAR: "four fifths of the time to the deadline have passed and nothing "
    "moved it",
    NoticeKind.UNCLAIMED: "no agent takes it",
    NoticeKind.AGENT_GONE: "its agent has fallen silent",
    NoticeKind.PAUSED: "paused for more than an hour",
}


async def found(platform: Platform, open_: Sequence[OpenNotice]) -> list[Trouble]:
    """Return all that is wrong now, not yet explained where that is about a transfer."""
    away, full = await asyncio.gather(health.object_store(platform), concern.of_disk(platform))
    async with platform.database.transaction() as tx:
        troubles = await _of_workers(platform, tx)
        troubles += [
            Trouble(
                kind=NoticeKind.STORE_FULL,
                since=tx.now,
                found=each.found,
                fix=each.fix,
                link=each.link,
                cause=each.cause,
            )
            for each in full
        ]
        if not away.ok:
            troubles.append(
                Trouble(
                    kind=NoticeKind.STORE_AWAY,
                    since=tx.now,
                    found=f"the store of files does not work: {away.found}",
                    fix="Look at the store; `ferryman doctor` and /readyz say when it is back.",
                    link="storage",
                )
            )
        troubles += [_of_endpoint(each) for each in await trouble_store.failing_endpoints(tx)]
        troubles += await trouble_store.lost_agents(tx)
        troubles += await trouble_store.given_up(tx)
        troubles += await trouble_store.late(tx, NoticeKind.STALLED, HALF)
        troubles += await trouble_store.late(tx, NoticeKind.DEADLINE_NEAR, NEAR)
        troubles += await trouble_store.unclaimed(tx)
        troubles += await trouble_store.paused(tx)
        troubles += await _of_quotas(platform, tx, open_)
    return troubles


async def explained(platform: Platform, troubles: Sequence[Trouble]) -> list[Trouble]:
    """Return troubles with what was found, why, and the next step; only the first few in detail."""
    return [
        await _explained(platform, each, at_length=place < _EXPLAINED)
        for place, each in enumerate(troubles)
    ]


def of_settled(row: SettledTransfer) -> Trouble:
    """Return that a transfer has settled, as something to tell."""
    counts = f"{plural(row.files, 'file')}, {row.bytes} bytes"
    if row.failed:
        counts += f", {row.failed} failed"
    return Trouble(
        kind=NoticeKind.SETTLED,
        customer=row.customer,
        cloud_app_key=row.cloud_app_key,
        environment=row.environment,
        since=row.settled_at,
        transfer_id=row.transfer_id,
        migration_name=row.name,
        found=f"settled as {row.status}: {counts}",
        cause=None if row.status is TransferStatus.SUCCESS else row.status.lower(),
    )


async def _of_workers(platform: Platform, tx: Transaction) -> list[Trouble]:
    seen = await worker_store.alive(tx, platform.heartbeat_timeout)
    link = link_of_workers(seen)
    if link is None or link.holds:
        return []
    kind = NoticeKind.WORKER_FAILING if seen.failing else NoticeKind.NO_WORKER
    return [
        Trouble(
            kind=kind,
            since=tx.now,
            found=link.found,
            fix=link.fix,
            link=link.name,
            cause=link.cause,
        )
    ]


def _of_endpoint(failing: FailingEndpoint) -> Trouble:
    # The query of a URL may hold secrets.
    url = failing.endpoint.partition("?")[0]
    return replace(
        failing.trouble,
        found=f"{url} keeps failing and is left alone: {failing.error}",
        fix=f"Fix the endpoint, then `ferryman app retry {failing.trouble.app}`.",
        link="endpoint",
        cause="breaker_open",
    )


async def _of_quotas(
    platform: Platform, tx: Transaction, open_: Sequence[OpenNotice]
) -> list[Trouble]:
    near = []
    known = [each.app for each in open_ if each.kind is NoticeKind.QUOTA_NEAR and each.app]
    for app in await trouble_store.apps_with_files(tx, known):
        held = await platform.held_bytes.held(tx, app.app_id)
        if held is None or held[0] < NEAR * held[1]:
            continue
        near.append(
            Trouble(
                kind=NoticeKind.QUOTA_NEAR,
                cloud_app_key=app.cloud_app_key,
                environment=app.environment,
                since=tx.now,
                found=f"the app holds {held[0]} bytes of the {held[1]} that it may",
                fix="`ferryman data storage` says what it holds; raise FERRYMAN_APP_BYTES, or "
                "delete what nobody needs.",
                link="quota",
            )
        )
    return near


async def _explained(platform: Platform, trouble: Trouble, *, at_length: bool) -> Trouble:
    if trouble.kind is NoticeKind.SETTLED:
        return await _with_link(platform, trouble) if at_length and trouble.cause else trouble
    if trouble.transfer_id is None:
        return replace(trouble, found=_bounded(trouble.found))
    if trouble.kind is NoticeKind.GIVEN_UP:
        begun = f"{plural(trouble.count, 'message')} given up"
    else:
        begun = f"{plural(trouble.count, 'transfer')}: {_STARTED[trouble.kind]}"
    named = replace(trouble, found=begun, fix=_look(trouble))
    return await _with_link(platform, named) if at_length else named


async def _with_link(platform: Platform, trouble: Trouble) -> Trouble:
    """Return a trouble with the first broken link of its transfer or message."""
    async with platform.database.reading() as tx:
        assert trouble.transfer_id is not None  # noqa: S101 - only such are explained
        stored = await transfer_store.by_id(tx, trouble.transfer_id)
    if stored is None:
        return trouble
    trouble = replace(trouble, migration_name=stored.details.name)
    link = await _broken_link(platform, trouble)
    return trouble if link is None else _naming(trouble, link)


async def _broken_link(platform: Platform, trouble: Trouble) -> LinkView | None:
    chain: Explanation | TransferExplanation
    try:
        if trouble.message_id is None:
            chain = await diagnosis.explain_transfer(platform, str(trouble.transfer_id))
        else:
            chain = await diagnosis.explain_message(platform, str(trouble.message_id))
    except NotFound:
        return None
    return next((each for each in chain.links if each.name == chain.broken), None)


def _naming(trouble: Trouble, link: LinkView) -> Trouble:
    return replace(
        trouble,
        found=_bounded(f"{trouble.found}. {link.found}"),
        fix=_bounded(link.fix or trouble.fix or _look(trouble)),
        link=link.name,
        cause=link.cause,
    )


def _look(trouble: Trouble) -> str:
    if trouble.message_id is not None:
        return f"See why with `ferryman message explain {trouble.message_id}`."
    return f"See why with `ferryman transfer explain {trouble.transfer_id}`."


def _bounded(text: str) -> str:
    """Return a text without secrets, and not too long for a message of Slack."""
    return scrubbed(text.encode()).decode()[:NOTICE_CHARACTERS]

"""Look for troubles, and tell each once when it begins and once when it is over (ADR 97)."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from ferryman.domain import notice as notice_rules
from ferryman.domain.notice import Decision, Trouble
from ferryman.ids import ephemeral_id
from ferryman.notice_vocab import NoticePart
from ferryman.services import trouble as trouble_service
from ferryman.services.platform import Platform
from ferryman.store import notice as notice_store
from ferryman.store import notice_sink as sink_store
from ferryman.store import trouble as trouble_store
from ferryman.store.database import Transaction
from ferryman.store.notice import NoticeRow
from ferryman.store.notice_sink import SinkRow

PAUSE = timedelta(seconds=4)
"""The shortest time between two looks, whichever processes make them."""

_LATE_COMMITS = timedelta(minutes=5)
"""How long after its own time a transfer may first be seen as settled."""

_SETTLED = 200


async def look(platform: Platform, *, pause: timedelta = PAUSE) -> bool:
    """Compare what is wrong with the open notices; return whether it was this process's turn."""
    async with platform.database.transaction() as tx:
        settled_from = await notice_store.begin_look(tx, pause=pause, overlap=_LATE_COMMITS)
        if settled_from is None:
            return False
        open_ = await notice_store.open_notices(tx)
    found = await trouble_service.found(platform, open_)
    async with platform.database.reading() as tx:
        decision = notice_rules.decide(open_, found, tx.now)
    if decision != Decision():
        begun = [trouble for trouble, _ in decision.begin]
        told = await trouble_service.explained(platform, begun)
        begin = zip(told, (known for _, known in decision.begin), strict=True)
        await _write(platform, replace(decision, begin=tuple(begin)))
    await _tell_settled(platform, settled_from)
    return True


async def _write(platform: Platform, decision: Decision) -> None:
    async with platform.database.transaction() as tx:
        sinks = await sink_store.every(tx)
        await notice_store.forget(tx, decision.forget)
        await notice_store.set_gone(tx, decision.fade, tx.now)
        await notice_store.set_gone(tx, decision.back, None)
        for suspicion in decision.suspect:
            await notice_store.insert(tx, ephemeral_id(), suspicion, noticed=False)
        for trouble, known in decision.begin:
            notice_id = known or ephemeral_id()
            new = (
                await notice_store.insert(tx, notice_id, trouble)
                if known is None
                else await notice_store.tell_suspicion(tx, known, trouble)
            )
            if new:
                chosen = _wanting(sinks, trouble)
                await sink_store.queue(tx, notice_id, NoticePart.BEGAN, chosen)
        for notice in await notice_store.end(tx, decision.end):
            chosen = _wanting(sinks, notice)
            await sink_store.queue(tx, notice.notice_id, NoticePart.ENDED, chosen)


async def _tell_settled(platform: Platform, settled_from: datetime) -> None:
    async with platform.database.transaction() as tx:
        rows = await trouble_store.settled(tx, settled_from, _SETTLED)
        until = rows[-1].settled_at if len(rows) == _SETTLED else tx.now
    settled = await trouble_service.explained(
        platform, [trouble_service.of_settled(row) for row in rows]
    )
    async with platform.database.transaction() as tx:
        sinks = await sink_store.every(tx) if settled else []
        for trouble in settled:
            await _tell_at_once(tx, sinks, trouble)
        await notice_store.set_settled_to(tx, until)
        kept = timedelta(days=platform.settings.keep_attempts_days)
        await notice_store.remove_old(tx, tx.now - kept)


async def _tell_at_once(tx: Transaction, sinks: list[SinkRow], trouble: Trouble) -> None:
    """Tell something that has no end."""
    notice_id = ephemeral_id()
    if await notice_store.insert(tx, notice_id, trouble, ended=True):
        chosen = _wanting(sinks, trouble)
        await sink_store.queue(tx, notice_id, NoticePart.BEGAN, chosen)


def _wanting(sinks: list[SinkRow], about: Trouble | NoticeRow) -> list[tuple[UUID, UUID]]:
    """Return the sinks that receive a notice, each with the id of its delivery."""
    return [
        (ephemeral_id(), sink.sink_id)
        for sink in sinks
        if notice_rules.wanted(
            about.kind,
            about.customer,
            about.app,
            kinds=sink.kinds,
            customers=sink.customers,
            apps=sink.apps,
        )
    ]

"""Say what needs attention in the words of an explanation: found, broken link, next step."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.disk import room_in
from ferryman.domain.breaker import is_open
from ferryman.domain.diagnosis.snapshot import Workers
from ferryman.domain.diagnosis.workers import link_of_workers
from ferryman.errors import NotFound
from ferryman.services import diagnosis
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.store.breaker import StoredBreaker
from ferryman.store.database import Transaction
from ferryman.store.overview import GivenUpGroup
from ferryman.wire.overview import Concern
from ferryman.wire.transfer import Explanation, LinkView, TransferExplanation, TransferSummary


def of_workers(seen: Workers) -> list[Concern]:
    """Return the concerns about the platform's workers."""
    link = link_of_workers(seen)
    if link is None or link.holds:
        return []
    kind = "worker_failing" if seen.failing else "no_worker"
    return [Concern(kind=kind, found=link.found, fix=link.fix, link=link.name, cause=link.cause)]


async def of_disk(platform: Platform) -> list[Concern]:
    """Return that no more app data is taken for want of space."""
    settings = platform.settings
    try:
        room = await asyncio.to_thread(room_in, settings.data_dir, settings.disk_reserve_bytes)
    except OSError:
        return []  # readiness says so
    if room.left > 0:
        return []
    return [
        Concern(
            kind="store_full",
            found=f"{room.free >> 20} MiB free on the disk of the data folder, all of them in "
            "reserve: files are refused",
            fix="Free space or enlarge the disk; `ferryman data storage` says what uses it.",
            link="storage",
            cause="store_full",
        )
    ]


async def of_transfer(platform: Platform, stuck: TransferSummary, max_age: float) -> Concern:
    """Return why a transfer makes no progress; its messages were counted ``max_age`` s ago."""
    try:
        explained = await diagnosis.explain_transfer(platform, stuck.transfer_id, max_age=max_age)
    except NotFound:
        explained = None
    link = _broken(explained)
    share = stuck.deadline_passed
    passed = "no agent has taken it" if share is None else f"{share:.0%} of its window has passed"
    return Concern(
        kind="unclaimed" if share is None else "stalled",
        found=passed if link is None else link.found,
        fix=None if link is None else link.fix,
        link=None if link is None else link.name,
        cause=None if link is None else link.cause,
        transfer_id=stuck.transfer_id,
        cloud_app_key=stuck.cloud_app_key,
        environment=stuck.environment,
        customer=stuck.customer,
        migration_name=stuck.migration_details.name,
        deadline=stuck.deadline,
        deadline_passed=share,
        since=stuck.started_at or stuck.released_at,
    )


async def of_messages(platform: Platform, group: GivenUpGroup, app: AppRow | None) -> Concern:
    """Return why messages of an app were given up, explained by the newest one."""
    try:
        explained = await diagnosis.explain_message(platform, str(group.message_id))
    except NotFound:
        explained = None
    link = _broken(explained)
    return Concern(
        kind="given_up",
        found="given up" if link is None else link.found,
        fix=None if link is None else link.fix,
        link=None if link is None else link.name,
        cause=group.cause or (None if link is None else link.cause),
        count=group.number,
        transfer_id=str(group.transfer_id),
        message_id=str(group.message_id),
        cloud_app_key=None if app is None else app.cloud_app_key,
        environment=None if app is None else app.environment,
        since=epoch_ms(group.since),
    )


def of_endpoints(
    tx: Transaction, breakers: Sequence[StoredBreaker], apps: Mapping[UUID, AppRow]
) -> list[Concern]:
    """Return the endpoints that failed so often that deliveries to them are paused."""
    found = []
    for each in breakers:
        app = apps.get(each.endpoint.app_id)
        if app is None or not is_open(each.state, tx.now):
            continue
        # The query of a URL may hold secrets.
        url = each.endpoint.url.partition("?")[0]
        found.append(
            Concern(
                kind="endpoint_left_alone",
                found=f"{url} keeps failing and is left alone: {each.error or 'no answer'}",
                fix=f"Fix the endpoint, then `ferryman app retry {app.cloud_app_key}"
                f"@{app.environment}`.",
                link="endpoint",
                cause="breaker_open",
                cloud_app_key=app.cloud_app_key,
                environment=app.environment,
                since=epoch_ms(each.changed_at),
            )
        )
    return found


def _broken(explained: Explanation | TransferExplanation | None) -> LinkView | None:
    if explained is None:
        return None
    return next((each for each in explained.links if each.name == explained.broken), None)

"""The first page: what needs attention, with its broken link, and what runs."""

from asyncio import gather
from typing import Any

from litestar import get
from litestar.response import Template

from ferryman.console.calls import CallRefused
from ferryman.console.pages.parameters import OwnVisit
from ferryman.console.visit import Visit
from ferryman.vocab import MessageState, TransferSort, TransferStatus
from ferryman.wire.app import AppPage
from ferryman.wire.health import Readiness
from ferryman.wire.transfer import (
    LinkView,
    MessagePage,
    TransferExplanation,
    TransferPage,
    TransferSummary,
)

_EXPLAINED = 8
_RUNNING = 20


@get(["/", "/overview"])
async def overview_page(visit: OwnVisit) -> Template:
    """Show what needs attention first, then what runs and what ended last."""
    calls = visit.calls
    stuck, running, settled, given_up, apps, readiness = await gather(
        calls.get("/transfers", TransferPage, stuck="true", pageSize=_EXPLAINED, count="true"),
        calls.get(
            "/transfers",
            TransferPage,
            status=TransferStatus.IN_PROGRESS,
            sort=TransferSort.DEADLINE,
            pageSize=_RUNNING,
            count="true",
        ),
        calls.get("/transfers", TransferPage, sort=TransferSort.SETTLED, pageSize=10),
        calls.get("/messages", MessagePage, state=MessageState.UNDELIVERED, pageSize=200),
        calls.get("/apps", AppPage),
        calls.readiness(),
    )
    why = await gather(*(_broken(visit, each) for each in stuck.items))
    return await visit.page(
        "overview.html",
        "overview",
        stuck=list(zip(stuck.items, why, strict=True)),
        stuck_total=stuck.total,
        running=running,
        settled=settled,
        given_up=_by_app(given_up),
        given_up_total=given_up.total,
        failing=[(app, each) for app in apps.items for each in app.failing],
        suspended=[app for app in apps.items if app.suspended_at],
        unready=_failing_checks(readiness),
        readiness=readiness,
    )


async def _broken(visit: Visit, transfer: TransferSummary) -> LinkView | None:
    """Return the first broken link of a transfer."""
    try:
        path = f"/transfers/{transfer.transfer_id}/explain"
        found = await visit.calls.get(path, TransferExplanation)
    except CallRefused:
        return None  # it ended and was deleted meanwhile
    return next((link for link in found.links if not link.holds), None)


def _by_app(page: MessagePage) -> list[dict[str, Any]]:
    """Return messages that were given up, by app and cause, the most frequent first."""
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for message in page.items:
        cause = next((each.cause for each in reversed(message.attempts) if each.cause), "")
        key = (message.cloud_app_key or "", message.environment or "", cause or "")
        groups.setdefault(key, []).append(message)
    return [
        {
            "app": app,
            "environment": environment,
            "cause": cause,
            "count": len(each),
            "last": each[-1],
        }
        for (app, environment, cause), each in sorted(groups.items(), key=lambda g: -len(g[1]))
    ]


def _failing_checks(readiness: Readiness) -> list[tuple[str, str]]:
    return [(name, each.found) for name, each in readiness.checks.items() if not each.ok]

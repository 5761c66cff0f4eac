"""The first page: what needs attention, with its broken link, and what runs."""

from asyncio import gather

from litestar import get
from litestar.response import Template

from ferryman.console.pages.parameters import Customer, OwnVisit
from ferryman.vocab import TransferSort
from ferryman.wire.clock import ClockView
from ferryman.wire.customer import CustomerPage
from ferryman.wire.health import Readiness
from ferryman.wire.overview import Charts, Concern, Overview
from ferryman.wire.transfer import TransferPage

_HOURS, _POINTS = 24, 48
_SECONDS_OF_AGAIN, _SECONDS_OF_CHARTS = 1, 5
"""Greatest age in seconds of a page's numbers: of updates, and of charts of half hours."""


@get(["/", "/overview"])
async def overview_page(visit: OwnVisit, customer: Customer = "") -> Template:
    """Show what needs attention first, then what runs and what ended last."""
    calls = visit.calls
    # Many consoles ask again and again for what is the same for all who see as much.
    max_age = _SECONDS_OF_AGAIN if visit.asks_again else 0
    found, settled, charts, readiness, clock = await gather(
        calls.get("/overview", Overview, customer=customer, maxAge=max_age),
        calls.get(
            "/transfers",
            TransferPage,
            sort=TransferSort.SETTLED,
            pageSize=10,
            customer=customer,
        ),
        calls.get(
            "/charts",
            Charts,
            hours=_HOURS,
            points=_POINTS,
            customer=customer,
            maxAge=_SECONDS_OF_CHARTS,
        ),
        calls.readiness(),
        calls.get("/clock", ClockView),
    )
    customers: list[str] = []
    if not visit.wants_list_alone and visit.may("list_customers"):
        page = await calls.get("/customers", CustomerPage)
        customers = [each.customer for each in page.items]
    return await visit.page(
        "overview.html",
        "overview",
        clock=clock,
        found=found,
        customer=customer,
        customers=customers,
        pages=[_page_of(each) for each in found.attention],
        settled=settled,
        charts=charts,
        unready=_failing_checks(readiness),
    )


def _page_of(concern: Concern) -> str:
    """Return the page that shows a concern, from the console's root."""
    if concern.kind == "given_up":
        cause = f"&cause={concern.cause}" if concern.cause else ""
        app = f"&app={concern.cloud_app_key}" if concern.cloud_app_key else ""
        return f"messages?state=UNDELIVERED{app}{cause}"
    if concern.transfer_id:
        return f"transfers/{concern.transfer_id}"
    if concern.cloud_app_key:
        return f"apps/{concern.cloud_app_key}@{concern.environment}"
    return "storage" if concern.kind == "store_full" else "platform"


def _failing_checks(readiness: Readiness) -> list[tuple[str, str]]:
    return [(name, each.found) for name, each in readiness.checks.items() if not each.ok]

"""Read the apps and customers that a page offers to choose from."""

from ferryman.console.visit import Visit
from ferryman.wire.app import AppPage, AppView
from ferryman.wire.customer import CustomerPage


async def all_apps(visit: Visit) -> list[AppView]:
    """Return the apps that the session may see, oldest first, however many pages they fill.

    Returns None for a request that takes only the list of a page: its filters stay as they are.
    """
    apps: list[AppView] = []
    cursor: str | None = None if visit.wants_list_alone else ""
    while cursor is not None:
        page = await visit.calls.get("/apps", AppPage, cursor=cursor)
        apps += page.items
        cursor = page.next_cursor
    return apps


async def customers_of(visit: Visit) -> list[str]:
    """Return the customers that a migration may belong to, by key, from all pages."""
    customers: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await visit.calls.get("/customers", CustomerPage, cursor=cursor)
        customers += [each.customer for each in page.items]
        cursor = page.next_cursor
    return customers

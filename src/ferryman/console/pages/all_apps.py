"""Read the apps and customers that a page offers to choose from."""

from ferryman.console.visit import Visit
from ferryman.wire.app import AppPage, AppView
from ferryman.wire.customer import CustomerPage


async def all_apps(visit: Visit) -> list[AppView]:
    """Return the apps that the session may see, oldest first, however many pages they fill.

    None for who takes the list of a page alone: its filters stay as they are.
    """
    apps: list[AppView] = []
    cursor: str | None = None if visit.wants_list_alone else ""
    while cursor is not None:
        page = await visit.calls.get("/apps", AppPage, cursor=cursor)
        apps += page.items
        cursor = page.next_cursor
    return apps


async def customers_of(visit: Visit) -> list[str]:
    """Return the customers of which a migration may be, by key, however many pages they fill."""
    customers: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await visit.calls.get("/customers", CustomerPage, cursor=cursor)
        customers += [each.customer for each in page.items]
        cursor = page.next_cursor
    return customers

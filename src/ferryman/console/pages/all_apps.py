"""Read the apps that a page offers to choose from."""

from ferryman.console.visit import Visit
from ferryman.wire.app import AppPage, AppView


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

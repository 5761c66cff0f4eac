"""Read the apps that a page offers to choose from."""

from ferryman.console.calls import AdminCalls
from ferryman.wire.app import AppPage, AppView


async def all_apps(calls: AdminCalls) -> list[AppView]:
    """Return the apps that the session may see, oldest first, however many pages they fill."""
    apps: list[AppView] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await calls.get("/apps", AppPage, cursor=cursor)
        apps += page.items
        cursor = page.next_cursor
    return apps

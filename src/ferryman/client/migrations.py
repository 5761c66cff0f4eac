"""Plan and start migrations; load and compare their mappings."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from ferryman.client.filters import MigrationFilters, query_of
from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import Answer, Operation, Request, segment
from ferryman.wire.extension import Extension
from ferryman.wire.link import IssuedLink, LinkPage, LinkRequest, MigrationLinkView
from ferryman.wire.mapping import DifferencePage, StoredMappingPage
from ferryman.wire.migration import (
    MappingCounts,
    MigrationCopy,
    MigrationPage,
    MigrationRequest,
    MigrationSchedule,
    MigrationView,
)

CSV = "text/csv"
NDJSON = "application/x-ndjson"
"""In what form mapping rows may be sent."""

_MIGRATIONS = f"{BASE}/migrations"
_REREAD_SECONDS = 24 * 3600.0


class Migrations:
    """Migrations and their mappings."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def create(self, request: MigrationRequest) -> MigrationView:
        """Create a migration with a READY transfer for each app."""
        return self._http.post(_MIGRATIONS, MigrationView, request)

    def list(
        self,
        cursor: str | None,
        size: int,
        wanted: MigrationFilters | None = None,
        *,
        count: bool = False,
    ) -> MigrationPage:
        """List migrations, by default newest first; ``count``: also how many there are."""
        query = {
            **query_of(wanted or MigrationFilters()),
            "count": "true" if count else None,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_MIGRATIONS, MigrationPage, query)

    def get(self, migration_id: str) -> MigrationView:
        """Get a migration with its transfers."""
        return self._http.get(f"{_MIGRATIONS}/{segment(migration_id)}", MigrationView)

    def start(self, migration_id: str) -> MigrationView:
        """Offer the transfers to their agents; repeating it changes nothing."""
        return self._http.post(f"{_MIGRATIONS}/{segment(migration_id)}/start", MigrationView)

    def schedule(self, migration_id: str, at: int | None) -> MigrationView:
        """Set when it starts by itself, in epoch milliseconds of the platform; None is never."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/schedule"
        return self._http.post(path, MigrationView, MigrationSchedule(at=at))

    def copy(self, migration_id: str, request: MigrationCopy) -> MigrationView:
        """Create a migration with the apps, containers, site, source and customer of another."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/copy"
        return self._http.post(path, MigrationView, request)

    def archive(self, migration_id: str) -> MigrationView:
        """Hide a migration that has ended from lists; repeatable."""
        return self._http.post(f"{_MIGRATIONS}/{segment(migration_id)}/archive", MigrationView)

    def unarchive(self, migration_id: str) -> MigrationView:
        """Show an archived migration in lists again; repeatable."""
        return self._http.post(f"{_MIGRATIONS}/{segment(migration_id)}/unarchive", MigrationView)

    def pause(self, migration_id: str) -> MigrationView:
        """Pause all transfers that have not settled; repeatable."""
        return self._http.post(f"{_MIGRATIONS}/{segment(migration_id)}/pause", MigrationView)

    def resume(self, migration_id: str) -> MigrationView:
        """Resume all paused transfers; repeatable."""
        return self._http.post(f"{_MIGRATIONS}/{segment(migration_id)}/resume", MigrationView)

    def extend(self, migration_id: str, until: int) -> MigrationView:
        """Put off the deadlines to a time of the platform in epoch milliseconds; repeatable."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/extend"
        return self._http.post(path, MigrationView, Extension(until=until))

    def read_report(
        self, migration_id: str, *, page: bool, reread: bool
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open the signed report of a migration: as a page, or as JSON.

        ``reread``: the platform reads every file again first, which may take long.
        """
        name = "report.html" if page else "report"
        query = "?verify=true" if reread else ""
        timeout = _REREAD_SECONDS if reread else LONG_SECONDS
        path = f"{_MIGRATIONS}/{segment(migration_id)}/{name}{query}"
        return self._http.open(path, timeout=timeout)

    def create_link(self, migration_id: str, request: LinkRequest) -> IssuedLink:
        """Make a link to the progress of a migration; only this answer has it."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/links"
        return self._http.post(path, IssuedLink, request)

    def list_links(self, migration_id: str, cursor: str | None, size: int) -> LinkPage:
        """List the links to a migration, oldest first, also of those that work no more."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/links"
        return self._http.get(path, LinkPage, {"cursor": cursor, "pageSize": size})

    def revoke_link(self, migration_id: str, link_id: str) -> MigrationLinkView:
        """Revoke a link to a migration; repeating it changes nothing."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/links/{segment(link_id)}/revoke"
        return self._http.post(path, MigrationLinkView)

    def load_mappings(
        self, migration_id: str, content_type: str, rows: Iterable[bytes]
    ) -> MappingCounts:
        """Load mapping rows, which need not fit into memory."""
        request = Request(
            method="PUT",
            url=f"{_MIGRATIONS}/{segment(migration_id)}/mappings",
            headers={"accept": "application/json", "content-type": content_type},
            timeout=LONG_SECONDS,
        )
        return self._http.send(Operation(request=request, parse=_counts), rows)

    def mappings(
        self,
        migration_id: str,
        cursor: str | None,
        size: int,
        *,
        namespace: str | None = None,
        prefix: str = "",
        cloud_key: str | None = None,
    ) -> StoredMappingPage:
        """List the mappings of a migration's scope whose server keys begin with ``prefix``.

        With ``cloud_key``, only those that map to it; a page may be empty and not the last.
        """
        query = {
            "namespace": namespace,
            "prefix": prefix,
            "cloudKey": cloud_key,
            "cursor": cursor,
            "pageSize": size,
        }
        path = f"{_MIGRATIONS}/{segment(migration_id)}/mappings"
        return self._http.get(path, StoredMappingPage, query)

    def diff_mappings(
        self,
        migration_id: str,
        against: str,
        cursor: str | None,
        size: int,
        *,
        namespace: str | None = None,
    ) -> DifferencePage:
        """List mappings that differ from those of another migration of the same scope."""
        path = f"{_MIGRATIONS}/{segment(migration_id)}/mappings/diff"
        query = {
            "against": against,
            "namespace": namespace,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(path, DifferencePage, query)


def _counts(answer: Answer) -> MappingCounts:
    return msgspec.json.decode(answer.body, type=MappingCounts)

"""Read, export and verify the audit log."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from ferryman.client.http import BASE, AdminHttp
from ferryman.wire.audit import AuditPage, AuditProof

_AUDIT = f"{BASE}/audit"


class Audit:
    """The log of all changing calls."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(
        self,
        cursor: str | None,
        size: int,
        *,
        actor: str | None = None,
        operation: str | None = None,
        customer: str | None = None,
        target: str | None = None,
        since: int | None = None,
        to: int | None = None,
    ) -> AuditPage:
        """List changing calls, newest first."""
        query = {
            "actor": actor,
            "operation": operation,
            "customer": customer,
            "target": target,
            "from": since,
            "to": to,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_AUDIT, AuditPage, query)

    def export(self) -> AbstractContextManager[Iterator[bytes]]:
        """Open the whole log as a stream of JSON lines, oldest first."""
        return self._http.open(f"{_AUDIT}/export")

    def verify(self, known: str | None = None) -> AuditProof:
        """Check the chain; ``known`` is a SEQ:HASH that was kept elsewhere."""
        return self._http.get(f"{_AUDIT}/verify", AuditProof, {"known": known})

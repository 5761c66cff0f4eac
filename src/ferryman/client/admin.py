"""The client of the admin API, its calls grouped by noun; the API's reference explains them."""

from ferryman.client.access import Customers, Keys, SignedIn, Tokens
from ferryman.client.apps import Apps
from ferryman.client.audit import Audit
from ferryman.client.clock import Clock
from ferryman.client.files import Recordings, Storage
from ferryman.client.http import BASE, AdminHttp
from ferryman.client.jobs import Jobs
from ferryman.client.migrations import Migrations
from ferryman.client.notices import Notices
from ferryman.client.queues import Queues
from ferryman.client.state import StoredState
from ferryman.client.transfers import Messages, Transfers
from ferryman.client.workers import WorkerProcesses
from ferryman.vocab import IdKind
from ferryman.wire.console import SignInLink
from ferryman.wire.health import Readiness
from ferryman.wire.overview import Overview
from ferryman.wire.search import SearchAnswer
from ferryman.wire.transfer import FoundIds

PATIENCE = 2.0
"""Seconds for which a read is retried, unless told otherwise."""

_WATCHING_PATIENCE = 60.0


class AdminClient:
    """Calls the admin API, by noun; every method raises ``ClientError``.

    Reads are retried for ``retry_seconds`` seconds, writes never.
    """

    def __init__(self, url: str, token: str, *, retry_seconds: float = PATIENCE) -> None:
        self.url = url
        self._token = token
        self._http = AdminHttp(url, token, retry_seconds=retry_seconds)
        self.apps = Apps(self._http)
        self.state = StoredState(self._http)
        self.queues = Queues(self._http)
        self.migrations = Migrations(self._http)
        self.transfers = Transfers(self._http)
        self.messages = Messages(self._http)
        self.jobs = Jobs(self._http)
        self.notices = Notices(self._http)
        self.storage = Storage(self._http)
        self.clock = Clock(self._http)
        self.recordings = Recordings(self._http)
        self.tokens = Tokens(self._http)
        self.sessions = SignedIn(self._http)
        self.workers = WorkerProcesses(self._http)
        self.customers = Customers(self._http)
        self.keys = Keys(self._http)
        self.audit = Audit(self._http)

    def patient(self) -> "AdminClient":
        """Return a client for following a transfer, which may outlive a restart of the platform."""
        return AdminClient(self.url, self._token, retry_seconds=_WATCHING_PATIENCE)

    def readiness(self) -> Readiness:
        """Check everything the platform needs; refused with 503 while it is not ready."""
        return self._http.get("/readyz", Readiness)

    def console_link(self) -> str:
        """Return the address of the console that signs in once, with this client's token."""
        return self.url + self._http.post("/console/links", SignInLink).path

    def find_ids(self, kind: IdKind, prefix: str | None, suffix: str | None) -> FoundIds:
        """Find ids by their first and last digits; without a prefix, the newest."""
        query = {"kind": kind, "prefix": prefix, "suffix": suffix}
        return self._http.get(f"{BASE}/ids", FoundIds, query)

    def search(self, text: str) -> SearchAnswer:
        """Search ids, keys, names, labels and errors; up to ten hits of each kind."""
        return self._http.get(f"{BASE}/search", SearchAnswer, {"q": text})

    def overview(self, customer: str | None = None) -> Overview:
        """Return what needs attention, most urgent first, and what runs."""
        return self._http.get(f"{BASE}/overview", Overview, {"customer": customer})

"""Sweep stored files, and read and replay recordings."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from ferryman.client.http import BASE, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.wire.migration import MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.storage import StorageView, SweepReport, SweepRequest
from ferryman.wire.upload import UploadView

_SWEEP_SECONDS = 3600.0


class Storage:
    """The files that the platform stores."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def get(self) -> StorageView:
        """Get how much is stored, and what the last sweep did and found."""
        return self._http.get(f"{BASE}/storage", StorageView)

    def sweep(self, *, remove_unknown: bool) -> SweepReport:
        """Sweep now; returns when it is done."""
        body = SweepRequest(remove_unknown=remove_unknown)
        return self._http.post(f"{BASE}/storage/sweep", SweepReport, body, timeout=_SWEEP_SECONDS)


class Recordings:
    """Recordings of transfers, and their replays."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def read(self, transfer_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open what the app of a transfer saw and did, as a stream of lines."""
        return self._http.open(f"{BASE}/transfers/{segment(transfer_id)}/recording")

    def read_payload(self, transfer_id: str, key: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open the bytes of one file of a transfer."""
        path = f"{BASE}/transfers/{segment(transfer_id)}/recording/{segment(key)}"
        return self._http.open(path)

    def begin_replay(self, request: ReplayRequest) -> MigrationView:
        """Begin a transfer under the ids of a recorded one."""
        return self._http.post(f"{BASE}/replays", MigrationView, request)

    def replay_file(self, transfer_id: str, file: ReplayedFile) -> UploadView:
        """Begin the upload of a recorded file, under its key."""
        path = f"{BASE}/replays/{segment(transfer_id)}/files"
        return self._http.post(path, UploadView, file)

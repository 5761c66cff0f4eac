"""An upload as the platform has it: how it is begun there, and given up."""

import logging

from ferryman.sdk.errors import GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import Operation
from ferryman.sdk.operations import server
from ferryman.sdk.resume import SOURCE_CHANGED, UPLOAD_RESTARTED
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt, PartRequest, UploadRequest, UploadView

log: logging.Logger = logging.getLogger("ferryman.sdk")

_GIVING_UP_SECONDS = 10.0
"""How long to retry telling the platform that a file will not come."""


class RemoteUpload:
    """Names one upload by the ``key`` under which it can be begun again; ``view`` once it is."""

    def __init__(
        self, transport: HttpTransport, transfer_id: str, label: str | None, key: str
    ) -> None:
        self.view: UploadView | None = None
        self._transport = transport
        self._transfer_id = transfer_id
        self._label = label
        self._key = key

    def begin(self) -> Operation[UploadView]:
        """Begin it, or find it again."""
        return server.begin_upload(self._transfer_id, self._label, self._key)

    def request(self, part: PartRequest) -> UploadRequest:
        """Return what begins it with its only part, together with others."""
        return UploadRequest(label=self._label, resume_key=self._key, part=part, reuse=True)

    def give_up(self, reason: GivenUp, why: str | None = None) -> bool:
        """Tell the platform, also of a file that was not begun there; retry only for a while.

        Returns False if it could not be told.
        """
        try:
            self._give_up(reason, why, _GIVING_UP_SECONDS)
        except GatewayError as failure:
            log.warning("upload.abort_failed label=%r %s", self._label, failure)
            return False
        return True

    def forget(self) -> None:
        """Have the platform stop waiting for the file, retrying as any call does; it may refuse."""
        try:
            self._give_up(GivenUp.DELIBERATE, None, None)
        except GatewayError as failure:
            if failure.status is None:
                raise
            log.warning("upload.abort_refused label=%r %s", self._label, failure)

    def _give_up(self, reason: GivenUp, why: str | None, retry_seconds: float | None) -> None:
        view = self.view = self.view or self._transport.call(
            self.begin(), retry_seconds=retry_seconds
        )
        give_up = server.give_up_upload(view.upload_id, reason, why)
        self._transport.call(give_up, retry_seconds=retry_seconds)


def check_same(receipt: AppDataReceipt, digest: str, size: int, *, of_parts: bool = False) -> None:
    """Refuse other bytes under the key of a registered file; none at all are fine.

    ``digest`` is that of the bytes, or ``of_parts``. Raises ``GatewayError`` with the code
    ``source_changed``.
    """
    kept = receipt.parts_sha256 if of_parts else receipt.sha256
    if size and digest != kept:
        name = "partsSha256" if of_parts else "sha256"
        raise GatewayError(
            None,
            f"Under this resume key the file {receipt.key} was registered already, with "
            f"{name} {kept}; what was written now has {digest}. App data "
            "cannot be taken back: use another resume key for another file.",
            code=SOURCE_CHANGED,
        )


def note_restart(refused: BaseException) -> None:
    """Give the refusal of a part that is gone the code ``upload_restarted``.

    The store confirmed every part that is named: one that is missing went when the upload was
    restarted, and the answer that said so was lost.
    """
    if isinstance(refused, GatewayError) and refused.code == "part_missing":
        refused.code = UPLOAD_RESTARTED

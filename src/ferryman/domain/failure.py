"""Which cause a failed attempt has: a table over how far it came and what is known of its end."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ferryman.domain.cause import broken
from ferryman.wire.transfer import AttemptView, Link

_IN_MANIFEST = "the manifest's remotes[].baseUrl or the endpoint's route"
_IN_WEBHOOKS = "the descriptor's baseUrl or the registered webhooks"


@dataclass(frozen=True, slots=True)
class _Row:
    """Fits when the stage, the status and the text do; None fits always."""

    cause: str
    stage: str | None = None
    status: Callable[[int], bool] | None = None
    text: str | None = None

    def fits(self, attempt: AttemptView) -> bool:
        if self.stage not in (None, attempt.stage):
            return False
        if self.status is not None and (attempt.status is None or not self.status(attempt.status)):
            return False
        return self.text is None or re.search(self.text, attempt.error or "") is not None


_ROWS = (
    _Row("redirected", status=lambda status: 300 <= status < 400),
    _Row("answered_not_200", status=lambda status: 200 <= status < 300),
    _Row("credentials_refused", status=lambda status: status in (401, 403)),
    _Row("path_unknown", status=lambda status: status in (404, 405)),
    _Row("app_failed", status=lambda status: status >= 400),
    _Row("name_not_resolved", text="could not be resolved"),
    _Row("tls_failed", text="No secure connection"),
    _Row("address_refused", text="not an address of the public internet"),
    _Row("connection_refused", text="No connection to the"),
    _Row("connection_broke", text="closed the connection|connection to the .* broke"),
    _Row("not_answered_in_time", text="had not answered in full"),
    _Row("function_timed_out", text="The function had not"),
    _Row("function_exited", text="The process of the function"),
    _Row("handler_missing", stage="before", text="handler_|defines no function|cannot be imported"),
    _Row("dependency_missing", stage="before", text="ModuleNotFoundError"),
    _Row("function_not_loaded", stage="before", text="Traceback"),
    _Row("function_raised", stage="after"),
    _Row("function_raised", text="Traceback"),
    _Row("worker_died", text="the process that made this attempt died"),
    _Row("delivery_failed"),
)


def link_of(name: str, attempt: AttemptView, *, connect: bool, message: str) -> Link:
    """A failed attempt as a broken link."""
    cause = next(row.cause for row in _ROWS if row.fits(attempt))
    return broken(
        name,
        cause,
        target=attempt.target or "the app",
        where=_IN_WEBHOOKS if connect else _IN_MANIFEST,
        status=attempt.status,
        error=gist(attempt.error or "no reason was kept"),
        message=message,
    )


def gist(error: str) -> str:
    """What a traceback ends with: the exception and its message, behind the indented frames."""
    lines = error.strip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
    behind = lines[frames[-1] + 1 :] if frames else lines
    return " ".join(behind or lines[-1:])[:300]

"""Call a listener as for a transfer, and count what it writes; nothing is sent (ADR 106)."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.cli.agent import load
from ferryman.cli.app_session import app_access
from ferryman.cli.session import Session
from ferryman.wire.listener import ClaimedTransfer
from ferryman.wire.transfer import TransferView

if TYPE_CHECKING:
    from ferryman.sdk.listener import Listener
    from ferryman.sdk.rehearsal import RehearsedContents

RehearsedListener = Annotated[
    str | None,
    typer.Option(
        help="Call this listener, as module:attribute, and count what it writes.",
        show_default=False,
    ),
]
ServerToken = Annotated[
    str | None,
    typer.Option(
        envvar="FERRYMAN_SERVER_TOKEN",
        help="Server token of its app, to look mappings up; by default that of the app that "
        "`ferryman dev` runs.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Rehearsed:
    """What came of calling a listener: what it wrote, or how it failed."""

    name: str | None
    counted: "RehearsedContents"
    error: str | None

    @property
    def good(self) -> bool:
        """Whether it ended well and found every key."""
        return self.error is None and not self.counted.missing

    def document(self) -> dict[str, Any]:
        """Return it as a member of the JSON document."""
        counted = self.counted
        return {
            "transferName": self.name,
            "files": counted.files,
            "bytes": counted.bytes,
            "largestBytes": counted.largest,
            "keysLookedUp": counted.looked_up,
            "exportCompleted": counted.completed,
            "missing": [
                {"namespace": namespace, "count": number, "sample": counted.sample[namespace]}
                for namespace, number in sorted(counted.missing.items())
            ],
            "error": self.error,
        }


def loaded_listener(
    session: Session, name: str | None, server_token: str | None
) -> "tuple[Listener | None, tuple[str, str]]":
    """Return a listener by its name, if any, with URL and server token of its app."""
    if name is None:
        return None, ("", "")
    with redirect_stdout(sys.stderr):
        listener = load(name)
    return listener, app_access(session.admin_url, server_token, session.data_dir, "server_token")


def rehearse(view: TransferView, listener: "Listener", access: tuple[str, str]) -> list[Rehearsed]:
    """Call a listener for a transfer, once for each of its definitions; none if it is not its."""
    if listener.keys and view.server_app_key not in listener.keys:
        return []
    names: list[str | None] = [each.transfer_name for each in listener.definitions]
    if view.transfer_name is not None or not names:
        names = [view.transfer_name]
    return [_rehearse(view, listener, access, name) for name in names]


def _rehearse(
    view: TransferView, listener: "Listener", access: tuple[str, str], name: str | None
) -> Rehearsed:
    from ferryman.sdk.errors import ClientError
    from ferryman.sdk.rehearsal import RehearsalGateway
    from ferryman.sdk.safe_trace import class_name, own_frame

    gateway: Any = RehearsalGateway(*access, view.transfer_id, transfer_name=name)
    claimed = ClaimedTransfer(
        transfer_id=view.transfer_id,
        migration_details=view.migration_details,
        kind=view.kind,
        server_app_key=view.server_app_key,
        cloud_app_key=view.cloud_app_key,
        environment=view.environment,
        access_scopes=view.access_scopes,
        original_transfer_id=view.original_transfer_id,
        transfer_name=name,
    )
    error = None
    try:
        # What it prints must not mix with the document.
        with redirect_stdout(sys.stderr):
            listener.call_for(claimed, gateway)()
        gateway.check_finished()
    # Exiting is failing too, as it is for the agent.
    except (Exception, SystemExit) as raised:  # noqa: BLE001 - whatever the developer's listener raises
        # Its message may quote the customer's data; the place does not.
        place = own_frame(raised, roots=sys.path)
        code = f" {raised.code}" if isinstance(raised, ClientError) and raised.code else ""
        error = class_name(raised) + code + (f" at {place}" if place else "")
    finally:
        gateway.close()
    return Rehearsed(name, gateway.counted, error)

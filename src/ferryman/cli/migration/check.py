"""``ferryman migration check``: what would be exported, and what is missing; nothing is sent."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from ferryman.cli.agent import load
from ferryman.cli.app_session import app_access
from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import clean
from ferryman.text import plural
from ferryman.vocab import IdKind
from ferryman.wire.listener import ClaimedTransfer
from ferryman.wire.transfer import LinkView, TransferView

if TYPE_CHECKING:
    from ferryman.sdk.listener import Listener
    from ferryman.sdk.rehearsal import RehearsedContents

_KEYS = 5


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


@dataclass(frozen=True)
class Checked:
    """One transfer: the links of its chain that are broken, and its rehearsals."""

    view: TransferView
    problems: list[LinkView]
    rehearsals: list[Rehearsed]

    @property
    def good(self) -> bool:
        """Whether nothing stands in its way."""
        return not self.problems and all(each.good for each in self.rehearsals)


@command(app, "check")
def check(
    session: Session,
    migration: MigrationId,
    listener: Annotated[
        str | None,
        typer.Option(
            help="Call this listener, as module:attribute, and count what it writes.",
            show_default=False,
        ),
    ] = None,
    server_token: Annotated[
        str | None,
        typer.Option(
            envvar="FERRYMAN_SERVER_TOKEN",
            help="Server token of its app, to look mappings up; by default that of the app that "
            "`ferryman dev` runs.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check a migration before it starts: counts, sizes and missing mappings; nothing is sent.

    For each transfer, what stands in its way. With a listener, it is called here as it would be
    for the transfer: its files are counted and dropped, its look-ups are made. Exit status 1 if
    anything is missing or in the way.
    """
    migration = session.resolve(IdKind.MIGRATION, migration)
    plan = session.admin.migrations.get(migration)
    again = {each.original_transfer_id for each in plan.transfers}
    wanted = [
        each.transfer_id
        for each in plan.transfers
        if not each.status.final and each.transfer_id not in again
    ]
    with redirect_stdout(sys.stderr):
        loaded = None if listener is None else load(listener)
    access = ("", "")
    if loaded is not None:
        url = session.admin_url
        access = app_access(url, server_token, session.data_dir, "server_token")
    checked = [_check(session, each, loaded, access) for each in wanted]
    good = bool(checked) and all(each.good for each in checked)
    if session.as_json:
        print_json(_document(migration, checked, good=good))
    else:
        typer.echo(clean("\n".join(_text(checked))))
    raise typer.Exit(0 if good else 1)


def _check(
    session: Session, transfer_id: str, listener: "Listener | None", access: tuple[str, str]
) -> Checked:
    view = session.admin.transfers.get(transfer_id)
    explained = session.admin.transfers.explain(transfer_id)
    problems = [
        link for link in explained.links if not link.holds and link.cause != "migration_not_started"
    ]
    if listener is None or (listener.keys and view.server_app_key not in listener.keys):
        return Checked(view, problems, [])
    names: list[str | None] = [each.transfer_name for each in listener.definitions]
    if view.transfer_name is not None or not names:
        names = [view.transfer_name]
    return Checked(view, problems, [_rehearse(view, listener, access, name) for name in names])


def _rehearse(
    view: TransferView, listener: "Listener", access: tuple[str, str], name: str | None
) -> Rehearsed:
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
        error = class_name(raised) + (f" at {place}" if place else "")
    finally:
        gateway.close()
    return Rehearsed(name, gateway.counted, error)


def _document(migration: str, checked: list[Checked], *, good: bool) -> dict[str, Any]:
    return {
        "migrationId": migration,
        "ok": good,
        "transfers": [
            {
                "transferId": each.view.transfer_id,
                "app": f"{each.view.cloud_app_key}@{each.view.environment}",
                "problems": [
                    {"name": link.name, "cause": link.cause, "found": link.found, "fix": link.fix}
                    for link in each.problems
                ],
                "rehearsals": [rehearsed.document() for rehearsed in each.rehearsals],
            }
            for each in checked
        ],
    }


def _text(checked: list[Checked]) -> list[str]:
    if not checked:
        return ["All its transfers have settled."]
    lines = []
    for each in checked:
        lines.append(f"{each.view.cloud_app_key}@{each.view.environment}  {each.view.transfer_id}")
        for link in each.problems:
            lines += [f"  x {link.name}: {link.found}", f"      {link.fix}"]
        for rehearsed in each.rehearsals:
            lines += _rehearsal_text(rehearsed)
        if each.good:
            lines.append("  nothing stands in its way")
    return lines


def _rehearsal_text(rehearsed: Rehearsed) -> list[str]:
    counted = rehearsed.counted
    name = f"{rehearsed.name}: " if rehearsed.name else ""
    said = "" if counted.completed else ", export not completed"
    lines = [
        f"  {name}{plural(counted.files, 'file')}, {decimal(counted.bytes)}, the largest "
        f"{decimal(counted.largest)}, {plural(counted.looked_up, 'key')} looked up{said}"
    ]
    if rehearsed.error:
        lines.append(f"  x listener: {rehearsed.error}")
    for namespace, number in sorted(counted.missing.items()):
        keys = ", ".join(counted.sample[namespace][:_KEYS])
        lines.append(f"  x {namespace}: {plural(number, 'key')} without a mapping, such as {keys}")
    return lines

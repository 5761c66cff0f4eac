"""``ferryman migration check``: what would be exported, and what is missing; nothing is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from rich.filesize import decimal

from ferryman.cli.command import command
from ferryman.cli.migration.group import MigrationId, app
from ferryman.cli.migration.rehearsal import (
    Rehearsed,
    RehearsedListener,
    ServerToken,
    loaded_listener,
    rehearse,
)
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import clean
from ferryman.text import plural
from ferryman.vocab import IdKind
from ferryman.wire.transfer import LinkView, TransferView

if TYPE_CHECKING:
    from ferryman.sdk.listener import Listener

_KEYS = 5


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
    listener: RehearsedListener = None,
    server_token: ServerToken = None,
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
    loaded, access = loaded_listener(session, listener, server_token)
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
    return Checked(view, problems, [] if listener is None else rehearse(view, listener, access))


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

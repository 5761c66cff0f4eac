"""``ferryman migration forecast``: how long each transfer will take, and what it may run into."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.filesize import decimal

from ferryman.cli.command import command
from ferryman.cli.ids import short_id
from ferryman.cli.migration.group import MigrationId, app
from ferryman.cli.migration.rehearsal import (
    RehearsedListener,
    ServerToken,
    loaded_listener,
    rehearse,
)
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import clean, minute, refusal_facts
from ferryman.forecast_text import risk_text, span_text
from ferryman.sdk.errors import ClientError
from ferryman.text import plural
from ferryman.vocab import IdKind
from ferryman.wire.forecast import ForecastView
from ferryman.wire.transfer import TransferView

if TYPE_CHECKING:
    from ferryman.sdk.listener import Listener

_WITHOUT_BASIS = frozenset({"forecast_sample_missing", "forecast_amount_missing"})


@dataclass(frozen=True)
class _Amount:
    files: int | None = None
    bytes: int | None = None
    largest: int | None = None


@command(app, "forecast")
def forecast(
    session: Session,
    migration: MigrationId,
    listener: RehearsedListener = None,
    server_token: ServerToken = None,
    files: Annotated[
        int | None, typer.Option(min=0, help="Files of each transfer.", show_default=False)
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--bytes", min=0, help="Their total bytes.", show_default=False),
    ] = None,
    largest: Annotated[
        int | None,
        typer.Option(
            "--largest-bytes", min=0, help="Bytes of the largest file.", show_default=False
        ),
    ] = None,
) -> None:
    """Forecast how long the transfers of a migration take, and the limits that they may run into.

    It rests on a sample: the files that a transfer has sent so far, or those of an earlier one of
    its app for the same customer. A listener is called here and its files are counted, as by
    `check`; else they are what was exported, or as in the newest run that succeeded. Transfers
    without a basis are named. Exit status 1 if there is a risk, or no basis at all.
    """
    migration = session.resolve(IdKind.MIGRATION, migration)
    plan = session.admin.migrations.get(migration)
    loaded, access = loaded_listener(session, listener, server_token)
    views = [
        session.admin.transfers.get(each.transfer_id)
        for each in plan.transfers
        if not each.status.final
    ]
    found: list[tuple[TransferView, ForecastView]] = []
    missing: list[tuple[TransferView, ClientError]] = []
    for view in views:
        amount = _amount(view, loaded, access, _Amount(files, size, largest))
        try:
            found.append((view, _forecast(session, view, amount)))
        except ClientError as refused:
            if refused.code not in _WITHOUT_BASIS:
                raise
            missing.append((view, refused))
    if missing and not found:
        raise missing[0][1]
    if session.as_json:
        documents: list[Any] = msgspec.to_builtins([each for _, each in found])
        without = [
            {"transferId": view.transfer_id, **refusal_facts(refused.problem)}
            for view, refused in missing
        ]
        print_json({"migrationId": migration, "transfers": documents, "withoutBasis": without})
    elif not found:
        typer.echo("All its transfers have ended.")
    else:
        lines = [line for view, each in found for line in _text(view, each)]
        lines += [line for view, refused in missing for line in _missing_text(view, refused)]
        typer.echo(clean("\n".join(lines)))
    raise typer.Exit(1 if any(each.risks for _, each in found) else 0)


def _forecast(session: Session, view: TransferView, amount: _Amount) -> ForecastView:
    return session.admin.transfers.forecast(
        view.transfer_id, amount.files, amount.bytes, amount.largest
    )


def _amount(
    view: TransferView, listener: "Listener | None", access: tuple[str, str], given: _Amount
) -> _Amount:
    rehearsed = rehearse(view, listener, access) if listener else []
    for each in rehearsed:
        if each.error is not None:
            # What it wrote until then is not all that it will write.
            told = f"the listener failed: {each.error}; `ferryman migration check` shows the rest"
            typer.echo(clean(f"{view.transfer_id}: {told}"), err=True)
            raise typer.Exit(1)
    counted = [each.counted for each in rehearsed]
    if not counted:
        return given
    return _Amount(
        sum(each.files for each in counted),
        sum(each.bytes for each in counted),
        max(each.largest for each in counted),
    )


def _text(view: TransferView, found: ForecastView) -> list[str]:
    whose = "it" if found.sample == view.transfer_id else short_id(found.sample)
    lines = [
        f"{view.cloud_app_key}@{view.environment}  {view.transfer_id}",
        f"  {plural(found.files, 'file')}, {decimal(found.bytes)}: {span_text(found.total)}, "
        f"the export {span_text(found.export)}",
        f"  from {plural(found.sampled_files, 'file')} of {whose}",
    ]
    if found.ends_at is not None:
        lines.append(f"  ends about {minute(found.ends_at)}")
    return lines + [f"  ! {risk_text(found, risk)}" for risk in found.risks]


def _missing_text(view: TransferView, refused: ClientError) -> list[str]:
    problem = refused.problem
    why = refused.code if problem is None else f"expected {problem.expected}"
    return [
        f"{view.cloud_app_key}@{view.environment}  {view.transfer_id}",
        f"  no basis for a forecast: {why}",
    ]

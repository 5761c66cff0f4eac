"""``ferryman customer export`` and ``verify``: a customer's own data, to keep and to check."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.output.progress import watched
from ferryman.cli.session import Session
from ferryman.client.customer_export import CustomerExporter, ExportHead
from ferryman.client.export_check import check_export
from ferryman.client.text import field_lines, instant, refusal_facts
from ferryman.errors import PlatformError
from ferryman.wire.transfer import TransferSummary

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the export.")]


def export(
    session: Session,
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="Key of the customer, such as acme.")
    ],
    folder: Folder,
) -> None:
    """Write all that a customer owns to a folder: rows, files, mappings, reports and digests.

    If it is interrupted, run it again to resume. Check the folder with `ferryman customer verify`,
    or with `sha256sum --check` in each folder that has a SHA256SUMS.
    """
    admin = session.admin.patient()
    with watched(f"Exporting {customer}", None, as_json=False, quiet=session.as_json) as meter:

        def told(transfer: TransferSummary) -> None:
            if not session.as_json:
                typer.echo(f"transfer {transfer.transfer_id}  {transfer.status}", err=True)

        head = CustomerExporter(admin, customer, folder, meter, told).run()
    session.show(head, _text)
    if head.unsettled and not session.as_json:
        typer.echo("Some transfers have not settled: export again once they have.", err=True)


def verify(
    folder: Folder,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, nothing else.")
    ] = False,
) -> None:
    """Check an export offline: every byte of it, and that nothing was added.

    The exit status is 1 if anything differs.
    """
    try:
        head, files = check_export(folder)
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    if as_json:
        print_json({"valid": True, "files": files, "export": head})
    else:
        typer.echo(f"{files} files are as they were written.\n{_text(head)}")


def _text(head: ExportHead) -> str:
    return field_lines(
        {
            "customer": head.customer,
            "exported": instant(head.at),
            "migrations": head.migrations,
            "transfers": head.transfers,
            "not settled": head.unsettled or None,
        }
    )

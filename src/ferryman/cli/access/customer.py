"""``ferryman customer``: add, list, export and delete customers."""

from typing import Annotated

import typer

from ferryman.cli.access.customer_export import export, verify
from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, instant, minute
from ferryman.wire.customer import CustomerView, ExpungeReceipt, StoredReceipt

app = typer.Typer(
    help="Add, list, export and delete customers, the owners of migrations.", no_args_is_help=True
)

Key = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Key of the customer, such as acme.")]


@command(app, "create")
def create(session: Session, customer: Key) -> None:
    """Add a customer, who may then own migrations; its key cannot be changed."""
    session.show(session.admin.customers.create(customer), _text)


@command(app, "list")
def list_customers(session: Session, paging: Paging) -> None:
    """List the customers that your token is valid for."""
    paging.show(
        session,
        session.admin.customers.list,
        ("CUSTOMER", "CREATED"),
        lambda view: (view.customer, minute(view.created_at)),
    )


command(app, "export")(export)
app.command("verify")(verify)


@command(app, "expunge")
def expunge(
    session: Session,
    customer: Key,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete a customer for good: migrations, files, mappings, messages and logs.

    Prints a receipt that the platform has signed. All transfers must have settled. The audit log
    keeps its rows, and backups keep what they hold.
    """
    if not yes:
        typer.confirm(
            f"Delete everything of {customer}? It cannot be undone.", abort=True, err=True
        )
    session.show(session.admin.customers.expunge(customer), _receipt)


@command(app, "receipt")
def receipt(session: Session, customer: Key) -> None:
    """Show the signed receipt of a customer's last deletion."""

    def text(stored: StoredReceipt) -> str:
        return stored.receipt

    session.show(session.admin.customers.receipt(customer), text)


def _text(view: CustomerView) -> str:
    return field_lines({"customer": view.customer, "created": instant(view.created_at)})


def _receipt(expunged: ExpungeReceipt) -> str:
    deleted = "\n".join(f"{number} {name}" for name, number in sorted(expunged.deleted.items()))
    fields = {"customer": expunged.customer, "deleted": deleted, "receipt": expunged.receipt}
    return field_lines(fields)

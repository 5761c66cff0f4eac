"""The server app: hands a Trac project over to its successor in the cloud.

Run it beside Trac::

    TRAC_ENV=/srv/trac/project ferryman agent run listener:Listener
"""

import base64
import gzip
import json
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trac.attachment import Attachment
from trac.env import Environment
from trac.ticket.model import Ticket
from trac.wiki.api import WikiSystem
from trac.wiki.model import WikiPage

from ferryman import Gateway, MigrationDetails

Record = dict[str, Any]


class Listener:
    """Called once a migration is started; sends one file for each kind of content."""

    def get_server_app_key(self) -> str:
        """The key under which the app was registered."""
        return "org.example.trac"

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Export everything, then say that this was all."""
        print(f"Exporting for {migration_details.name}", flush=True)
        env = Environment(os.environ["TRAC_ENV"])
        try:
            for label, records in KINDS.items():
                send(gateway, label, records(env))
        finally:
            env.shutdown()
        gateway.complete_export()


def send(gateway: Gateway, label: str, records: Iterator[Record]) -> None:
    """Write ``records`` as one gzip file of JSON lines; nothing is kept in memory.

    If reading them fails, the ``with`` block is left by the exception and no file is sent.
    """
    with (
        gateway.create_app_data(label) as stream,
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed,
    ):
        for record in records:
            packed.write(json.dumps(record).encode() + b"\n")


def users(env: Environment) -> Iterator[Record]:
    """Everyone who has an account."""
    for name, full_name, email in env.get_known_users():
        yield {"name": name, "fullName": full_name or "", "email": email or ""}


def wiki(env: Environment) -> Iterator[Record]:
    """Every version of every page."""
    for name in sorted(WikiSystem(env).get_pages()):
        for version, time, author, comment in WikiPage(env, name).get_history():
            yield {
                "name": name,
                "version": version,
                "author": author,
                "time": time.isoformat(),
                "comment": comment or "",
                "text": WikiPage(env, name, version).text,
            }


def tickets(env: Environment) -> Iterator[Record]:
    """Every ticket with its fields and the changes it went through, comments among them."""
    for number in ticket_numbers(env):
        ticket = Ticket(env, number)
        yield {
            "id": number,
            "fields": {name: plain(ticket[name]) for name in ticket.values if ticket[name]},
            "changes": [
                {"time": plain(time), "author": author, "field": field, "old": old, "new": new}
                for time, author, field, old, new, permanent in ticket.get_changelog()
                if permanent  # the rest are attachments, which have a file of their own
            ],
        }


def attachments(env: Environment) -> Iterator[Record]:
    """Every file attached to a page or a ticket, with its bytes."""
    parents = [("wiki", name) for name in sorted(WikiSystem(env).get_pages())]
    parents += [("ticket", str(number)) for number in ticket_numbers(env)]
    for realm, parent in parents:
        for attachment in Attachment.select(env, realm, parent):
            with attachment.open() as file:
                content = base64.b64encode(file.read()).decode()
            yield {
                "realm": realm,
                "parent": parent,
                "name": attachment.filename,
                "author": attachment.author,
                "time": attachment.date.isoformat(),
                "description": attachment.description or "",
                "content": content,
            }


def ticket_numbers(env: Environment) -> list[int]:
    """The numbers of all tickets."""
    return [number for (number,) in env.db_query("SELECT id FROM ticket ORDER BY id")]


def plain(value: Any) -> str:
    """A ticket's field as text: Trac keeps most as text, times as datetime, nothing as None."""
    return value.isoformat() if isinstance(value, datetime) else str(value or "")


KINDS = {"users": users, "wiki": wiki, "tickets": tickets, "attachments": attachments}

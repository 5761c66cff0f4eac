"""What is in the files, by label: which ids a record mentions, and the rows it becomes."""

import base64
from collections.abc import Iterator
from typing import Any, Protocol

from store import Row
from translate import Key, Translator, page, ticket, user

Record = dict[str, Any]


class Kind(Protocol):
    """How the records of one file are imported."""

    def keys(self, record: Record) -> Iterator[Key]:
        """The server ids that must be translated."""

    def rows(self, record: Record, ids: Translator) -> Iterator[Row]:
        """The rows to write."""


class Users:
    """People with an account on the server."""

    def keys(self, record: Record) -> Iterator[Key]:
        """The user alone."""
        yield user(record["name"])

    def rows(self, record: Record, ids: Translator) -> Iterator[Row]:
        """One row, of the old name and the new account."""
        account = ids.id(user(record["name"]))
        yield "users", {**record, "account_id": account, "full_name": record["fullName"]}


class Wiki:
    """Versions of pages."""

    def keys(self, record: Record) -> Iterator[Key]:
        """The page and its author."""
        yield page(record["name"])
        yield user(record["author"])

    def rows(self, record: Record, ids: Translator) -> Iterator[Row]:
        """One row for the version."""
        author, page_id = ids.person(record["author"]), ids.id(page(record["name"]))
        yield "pages", {**record, "author": author, "page_id": page_id}


class Tickets:
    """Tickets with everything that happened to them."""

    def keys(self, record: Record) -> Iterator[Key]:
        """The ticket and everyone who had to do with it."""
        yield ticket(record["id"])
        for field, value in record["fields"].items():
            yield from map(user, people(field, value))
        for change in record["changes"]:
            yield user(change["author"])
            yield from map(user, people(change["field"], change["old"]))
            yield from map(user, people(change["field"], change["new"]))

    def rows(self, record: Record, ids: Translator) -> Iterator[Row]:
        """A row for each field and for each change."""
        number, key = record["id"], ids.id(ticket(record["id"]))

        def translated(field: str, value: str) -> str:
            return ", ".join(map(ids.person, people(field, value))) or value

        for field, value in record["fields"].items():
            row = {"ticket": number, "ticket_key": key, "field": field}
            yield "fields", {**row, "value": translated(field, value)}
        for change in record["changes"]:
            field, author = change["field"], ids.person(change["author"])
            old, new = translated(field, change["old"]), translated(field, change["new"])
            yield "changes", {**change, "ticket": number, "author": author, "old": old, "new": new}


def people(field: str, value: str) -> list[str]:
    """The users that a ticket's field holds: none, one or, in cc, several."""
    if field == "cc":
        return [name.strip() for name in value.split(",") if name.strip()]
    return [value] if field in {"reporter", "owner"} and value else []


class Attachments:
    """Files attached to pages and tickets."""

    def keys(self, record: Record) -> Iterator[Key]:
        """Where it belongs and who attached it."""
        yield self.parent(record)
        yield user(record["author"])

    def rows(self, record: Record, ids: Translator) -> Iterator[Row]:
        """One row with the file's bytes."""
        row = {"author": ids.person(record["author"]), "parent_id": ids.id(self.parent(record))}
        yield "attachments", {**record, **row, "content": base64.b64decode(record["content"])}

    def parent(self, record: Record) -> Key:
        """The key of the page or ticket."""
        return page(record["parent"]) if record["realm"] == "wiki" else ticket(record["parent"])


KINDS: dict[str, Kind] = {
    "users": Users(),
    "wiki": Wiki(),
    "tickets": Tickets(),
    "attachments": Attachments(),
}

"""Server ids become cloud ids: asked of the platform in batches, each id only once."""

from collections import defaultdict
from collections.abc import Iterable

from ferryman import Migration

Key = tuple[str, str]  # the mapping's namespace and the id on the server
BATCH = 100  # the platform answers for this many ids at a time


def page(name: str) -> Key:
    """The key of a wiki page."""
    return "trac:page", name


def ticket(number: int | str) -> Key:
    """The key of a ticket."""
    return "trac:ticket", str(number)


def user(name: str) -> Key:
    """The key of a user."""
    return "identity:user", f"trac.username/{name}"


class Translator:
    """The mappings of one transfer, as far as they were asked for."""

    def __init__(self, migration: Migration, transfer_id: str) -> None:
        self.migration = migration
        self.transfer_id = transfer_id
        self.known: dict[Key, str | None] = {}

    def load(self, keys: Iterable[Key]) -> None:
        """Look up those of ``keys`` that are not known yet."""
        missing = defaultdict(list)
        for namespace, server_id in {key for key in keys if key not in self.known}:
            missing[namespace].append(server_id)
        for namespace, server_ids in missing.items():
            for start in range(0, len(server_ids), BATCH):
                asked = server_ids[start : start + BATCH]
                answer = self.migration.get_mapping_by_id(self.transfer_id, namespace, asked)
                self.known |= {(namespace, each): answer.result.get(each) for each in asked}

    def id(self, key: Key) -> str | None:
        """The cloud's id for a loaded key, or nothing if there is none."""
        return self.known[key]

    def person(self, name: str) -> str:
        """The account of a user; who has none keeps the name, so that nobody is dropped."""
        return self.known[user(name)] or name

    def without_account(self) -> list[str]:
        """Users that the platform knows no account for."""
        namespace, prefix = user("")
        return sorted(
            server_id.removeprefix(prefix)
            for (kind, server_id), account in self.known.items()
            if kind == namespace and account is None
        )

"""Which id of the Trac project became which id in the cloud: ``python mappings.py FOLDER``.

In a real migration the products write these as they move users and content. Here they are made
up, in the form that ``ferryman mapping load`` takes: one JSON object a line.
"""

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from trac.env import Environment
from trac.wiki.api import WikiSystem

ACCOUNTS = uuid.UUID("6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10")
FIRST_PAGE = 98_304


def mappings(env: Environment) -> Iterator[dict[str, str]]:
    """Users to accounts, pages to page ids, tickets to issue keys."""
    for name, _full_name, _email in env.get_known_users():
        account = f"712020:{uuid.uuid5(ACCOUNTS, name)}"
        yield mapping("identity:user", f"trac.username/{name}", account)
    for number, name in enumerate(sorted(WikiSystem(env).get_pages()), FIRST_PAGE):
        yield mapping("trac:page", name, str(number))
    for (number,) in env.db_query("SELECT id FROM ticket ORDER BY id"):
        yield mapping("trac:ticket", str(number), f"NB-{number}")


def mapping(namespace: str, server_key: str, cloud_key: str) -> dict[str, str]:
    """One row, with the names that the platform expects."""
    return {"namespace": namespace, "serverKey": server_key, "cloudKey": cloud_key}


def main(folder: Path) -> None:
    """Print the mappings of the project in ``folder``."""
    env = Environment(str(folder))
    try:
        for row in mappings(env):
            print(json.dumps(row))
    finally:
        env.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A MariaDB that tests share, as the platform starts it in a data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from ferryman.store.mariadb.programs import installed
from ferryman.store.mariadb.server import EmbeddedMariaDB


def need_mariadb() -> None:
    """Skip a test where MariaDB is not installed."""
    if not installed():
        pytest.skip("MariaDB is not installed")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Start a server; yield its address as an operator gives one."""
    need_mariadb()
    embedded = EmbeddedMariaDB(folder)
    address = embedded.start()
    try:
        socket = quote(str(address.socket_path), safe="")
        yield f"mariadb://{address.user}@localhost?socket={socket}"
    finally:
        embedded.stop()

"""A real PgBouncer before a PostgreSQL of this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.kit.platform import free_port, wait_until
from tests.kit.postgres import PostgresServer

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(
    PROGRAM is None, reason="no pgbouncer (apt-get install pgbouncer)"
)

# Each transaction goes to another connection than the one before.
SETTINGS = """\
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 5
min_pool_size = 5
server_round_robin = 1
"""


@contextmanager
def pooling(server: PostgresServer, mode: str = "transaction") -> Iterator[str]:
    """Start it in ``mode`` and give its address, for any database of ``server``."""
    assert PROGRAM is not None
    port = free_port()
    folder = Path(mkdtemp(prefix="ferryman-pooler-"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(server=server.port, own=port, mode=mode))
    for path in (folder, settings):
        path.chmod(0o755)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # It refuses to run as root, as PostgreSQL does.
            user="postgres" if os.geteuid() == 0 else None,
            cwd="/",
        )
    try:
        wait_until(lambda: b"process up" in (folder / "log").read_bytes())
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)

"""Check what an app needs that uses ``@forge/sql``."""

import re
from collections.abc import Iterator

from ferryman.devtools.doctor.finding import Finding, error, warning
from ferryman.devtools.doctor.snapshot import AppSnapshot
from ferryman.store.mariadb.programs import installed

_MODULE = "@forge/sql"
_USE = re.compile(r"(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*\(?\s*)([\"']@forge/sql[\"'])")


def needs(seen: AppSnapshot) -> Iterator[Finding]:
    """Yield the first use of SQL without its module, or without a database to start."""
    if _MODULE in seen.stand_ins.alias:
        return
    sources = (source for source in seen.sources if not source.python)
    uses = ((source, use) for source in sources if (use := _USE.search(source.text)))
    for source, use in uses:
        where = source.where(use.start(1))
        if not seen.entries("modules", "sql"):
            yield error(
                "sql_module_missing",
                where,
                f"{_MODULE} is used, but the manifest has no module `sql`.",
                why="Each call is refused with APP_NOT_ENABLED, on Forge as well.",
                fix="Add to the modules: `sql: [{key: main, engine: mysql}]`.",
            )
        elif not installed():
            yield warning(
                "sql_server_missing",
                where,
                f"{_MODULE} is used, but MariaDB is not installed here.",
                why="The platform starts it for such apps; without it, each call is refused.",
                fix="Install it, for example by apt-get install mariadb-server, or give "
                "FERRYMAN_MARIADB_URL.",
            )
        return


CHECKS = (needs,)

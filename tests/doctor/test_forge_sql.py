"""An app that uses SQL has the module for it, and a database that can be started."""

from pathlib import Path

import pytest

from ferryman.devtools.doctor import forge_sql
from tests.doctor.apps import FORGE
from tests.doctor.mistakes import M, examined

pytestmark = pytest.mark.usefixtures("javascript")

USES = {**FORGE, "src/tables.js": "\nimport { sql } from '@forge/sql';\n"}
WITH_MODULE = {
    **USES,
    M: FORGE[M].replace("modules:\n", "modules:\n  sql:\n    - key: main\n      engine: mysql\n"),
}


def test_the_module_is_missing(tmp_path: Path) -> None:
    [found] = examined(tmp_path, USES)
    assert (found.check, found.severity.value) == ("sql_module_missing", "error")
    assert (found.file, found.line) == ("src/tables.js", 2)


@pytest.mark.parametrize("installed", [True, False])
def test_the_database_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, installed: bool
) -> None:
    monkeypatch.setattr(forge_sql, "installed", lambda: installed)
    found = examined(tmp_path, WITH_MODULE)
    assert [each.check for each in found] == ([] if installed else ["sql_server_missing"])


def test_a_stand_in_needs_neither(tmp_path: Path) -> None:
    more = {"local.js": "", "ferryman.toml": '[alias]\n"@forge/sql" = "local.js"\n'}
    assert examined(tmp_path, {**USES, **more}) == []

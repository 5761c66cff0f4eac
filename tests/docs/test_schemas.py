"""The JSON schemas of apps' files and events are those of the types that read and write them."""

import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from ferryman.cli.app import build
from ferryman.devtools.schemas import SchemaName, schema_text
from ferryman.errors import Invalid
from ferryman.functions.overrides import read_overrides
from tools.docs import schema_file


@pytest.mark.parametrize("name", SchemaName)
def test_the_file_is_fresh(name: SchemaName) -> None:
    """Otherwise run ``python -m tools.docs``."""
    assert schema_file(name).read_text() == schema_text(name)
    jsonschema_rs.validator_for(json.loads(schema_text(name)))


def test_the_command_prints_one() -> None:
    printed = CliRunner().invoke(build(["schema"]), ["schema", "plan"])
    assert (printed.exit_code, printed.output) == (0, schema_text(SchemaName.PLAN))


FILES = (
    ("", True),
    ('[alias]\n"@forge/kvs" = "local.js"\n', True),
    ('[products]\njira = "http://127.0.0.1:1"\n[products.confluence]\nfixtures = "c"\n', True),
    ('[test-handler]\nreset = "x"\nunordered = true\nignore = []\n', True),
    ("[others]\n", False),
    ("[alias]\na = 1\n", False),
    ("[products]\njira = 1\n", False),
    ("[products.jira]\nfixture = 1\n", False),
    ("[test-handler]\nunorder = true\n", False),
    ("[test-handler]\nunordered = 1\n", False),
)


@pytest.mark.parametrize(("text", "good"), FILES)
def test_the_reader_and_the_schema_agree(tmp_path: Path, text: str, good: bool) -> None:
    (tmp_path / "ferryman.toml").write_text(text)
    (tmp_path / "local.js").touch()
    (tmp_path / "c").mkdir()
    schema = json.loads(schema_text(SchemaName.FERRYMAN))
    assert jsonschema_rs.validator_for(schema).is_valid(tomllib.loads(text)) is good
    if good:
        read_overrides(tmp_path)
    else:
        with pytest.raises(Invalid):
            read_overrides(tmp_path)

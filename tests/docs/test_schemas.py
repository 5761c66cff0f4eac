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
from ferryman.plan import read_text
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


PLANS = (
    ("", True),
    ('site = "https://a.example"\ncontainers = ["JiraProject:HAR", "Site"]\n', True),
    ('server-app = "com.example.notes"\nforge-app-id = "x"\n[labels]\n"*.csv" = "rows"\n', True),
    ("sites = 1\n", False),
    ("site = 1\n", False),
    ('containers = "Site"\n', False),
    ("server_app = 'x'\n", False),
    ("[labels]\na = 1\n", False),
)


@pytest.mark.parametrize(("text", "good"), PLANS)
def test_the_reader_of_plans_and_the_schema_agree(text: str, good: bool) -> None:
    schema = json.loads(schema_text(SchemaName.PLAN))
    assert jsonschema_rs.validator_for(schema).is_valid(tomllib.loads(text)) is good
    plan, faults = read_text(text)
    assert (plan is not None, not faults) == (good, good)

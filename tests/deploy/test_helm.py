"""The chart of Helm: nothing here renders it, so its values are checked, its templates read."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from typer.testing import CliRunner

from ferryman.cli.app import build
from ferryman.config import Settings
from tests.docs.pages import ROOT, VERSION

CHART = ROOT / "deploy" / "helm" / "ferryman"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
GIVEN = {
    "publicUrl": "https://ferryman.example",
    "objectStore": "s3://harbour/prefix?endpoint=https://s3.example",
    "secretName": "ferryman",
}


def read(text: str) -> Any:
    """Read a template: a line that is one action is left out, any other stands for a word."""
    lines = [line for line in text.splitlines() if not _ACTION.fullmatch(line.strip())]
    return yaml.safe_load(_ACTION.sub("value", "\n".join(lines)))


def helpers() -> dict[str, str]:
    text = (CHART / "templates" / "_helpers.tpl").read_text()
    return dict(
        re.findall(r'\{\{- define "([\w.]+)" -\}\}\n(.*?)\n\{\{- end \}\}', text, re.DOTALL)
    )


def workload(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod and the only container of a deployment."""
    pod = read((CHART / "templates" / f"{name}.yaml").read_text())["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def given(**more: Any) -> dict[str, Any]:
    values = {**deepcopy(VALUES), **GIVEN, **more}
    values["image"]["repository"] = "registry.example/ferryman"
    return values


def wrong(values: dict[str, Any]) -> set[str]:
    """Where the schema refuses values."""
    found = jsonschema.Draft7Validator(SCHEMA).iter_errors(values)
    return {".".join(map(str, error.absolute_path)) for error in found}


@pytest.mark.parametrize("name", ["Chart.yaml", "values.yaml"])
def test_it_says_that_it_was_never_run(name: str) -> None:
    assert (CHART / name).read_text().startswith("# Never run by us")


def test_the_chart_is_of_these_sources() -> None:
    """Its own version is that of a chart, which has another form for one that is to come."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VALUES["image"]["tag"] == VERSION
    assert chart["version"] == VERSION.replace(".dev", "-dev.")


def test_what_has_to_be_given_is_refused_while_it_is_not() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert wrong(VALUES) == {"publicUrl", "objectStore", "secretName", "image.repository"}
    assert wrong(given(settings={"FERRYMAN_LOG_LEVEL": "warning"})) == set()


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"publicURL": "https://ferryman.example"}, ""),
        ({"publicUrl": "https://ferryman.example/?a"}, "publicUrl"),
        ({"objectStore": "/srv/files"}, "objectStore"),
        ({"settings": {"log_level": "warning"}}, "settings"),
        ({"settings": {"FERRYMAN_SECRET_KEY": "a lion"}}, "settings"),
        ({"api": {"replicas": -1, "resources": {}}}, "api.replicas"),
        ({"worker": {"replica": 1, "replicas": 1, "resources": {}}}, "worker"),
    ],
)
def test_wrong_values_are_refused(more: dict[str, Any], where: str) -> None:
    assert wrong(given(**more)) == {where}


@pytest.mark.parametrize(
    "file", [*TEMPLATES, CHART / "templates" / "NOTES.txt"], ids=lambda f: f.name
)
def test_a_template_names_values_and_helpers_that_exist(file: Path) -> None:
    text = file.read_text()
    assert text.count("{{") == text.count("}}") == len(_ACTION.findall(text))
    for path in re.findall(r"\.Values\.([\w.]+)", text):
        found: Any = VALUES
        for name in path.split("."):
            assert name in found, path
            found = found[name]
    assert set(re.findall(r'include "([\w.]+)"', text)) <= helpers().keys()
    actions = [action.split()[0] for action in _ACTION.findall(text)]
    assert sum(word in ("if", "range", "with", "define") for word in actions) == actions.count(
        "end"
    )


def test_every_value_is_used() -> None:
    used = " ".join(each.read_text() for each in (CHART / "templates").iterdir())
    paths = [
        f"{name}.{inner}" if isinstance(value, dict) and value else name
        for name, value in VALUES.items()
        for inner in (value if isinstance(value, dict) and value else [""])
    ]
    assert [path for path in paths if f".Values.{path}" not in used] == []


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_workload_runs_a_command_that_exists_and_is_probed(name: str) -> None:
    pod, container = workload(name)
    command, *options = container["args"]
    done = CliRunner().invoke(build(), [command, "--help"])
    assert done.exit_code == 0
    assert all(option in done.output for option in options if option.startswith("--"))
    [port] = container["ports"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    if name == "worker":
        assert options[options.index("--probe-port") + 1] == str(port["containerPort"])
    else:
        service = read((CHART / "templates" / "service.yaml").read_text())
        assert service["spec"]["ports"][0]["targetPort"] == port["name"]
        image = (ROOT / "deploy" / "container" / "Containerfile").read_text()
        assert f"FERRYMAN_PORT={port['containerPort']}" in image
    assert pod.keys() == {"containers"}, "the rest comes from the helper"


def test_the_pods_are_hardened_and_have_time_to_stop() -> None:
    container = read(helpers()["ferryman.container"])
    pod = read(helpers()["ferryman.pod"])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["terminationGracePeriodSeconds"] == 90
    assert {each["name"] for each in container["volumeMounts"]} == {
        each["name"] for each in pod["volumes"]
    }


@pytest.mark.parametrize("file", [f for f in CHART.rglob("*") if f.is_file()], ids=lambda f: f.name)
def test_the_settings_exist(file: Path) -> None:
    names = set(re.findall(r"\bFERRYMAN_[A-Z]\w+", file.read_text()))
    assert {name.removeprefix("FERRYMAN_").lower() for name in names} <= set(Settings.model_fields)

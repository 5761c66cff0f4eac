"""The alerts and the dashboard name metrics and labels that exist, and commands that do."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from ferryman.cli.app import build
from ferryman.metrics import METRICS

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "ferryman.rules.yml"
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
PANELS: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "ferryman.json").read_text())[
    "panels"
]
QUERIES = {
    **{alert["alert"]: alert["expr"] for alert in ALERTS},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
}


def _metric(name: str) -> str:
    base = name.removesuffix("_bucket")
    return base if METRICS.get(base) and METRICS[base].kind == "histogram" else name


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_names_what_exists(query: str) -> None:
    used = re.findall(r"(ferryman_\w+)(?:\{([^}]*)\})?", query)
    assert used
    labels = set()
    for name, selector in used:
        metric = METRICS[_metric(name)]
        labels |= {*metric.labels, *(("process",) if metric.of == "process" else ())}
        assert set(re.findall(r"(\w+)=", selector)) <= set(metric.labels)
        if metric.kind == "counter" or name.endswith("_bucket"):
            assert f"rate({name}" in query
    by = set(re.findall(r"\w+", ",".join(re.findall(r"by \(([^)]*)\)", query))))
    assert by <= labels | {"le", "instance"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    command: Any = get_command(build())
    for words in re.findall(r"`ferryman ([^`]+)`", alert["annotations"]["fix"]):
        found = command
        for word in words.split():
            if word.startswith("--"):
                assert word in {option for each in found.params for option in each.opts}, words
            elif hasattr(found, "commands"):
                assert word in found.commands, words
                found = found.commands[word]


def test_every_metric_of_the_whole_platform_is_on_the_dashboard() -> None:
    shown = " ".join(query for name, query in QUERIES.items() if name[-2] == " ")
    assert {name for name, metric in METRICS.items() if metric.of == "platform"} - {
        name for name in METRICS if name in shown
    } == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
def test_prometheus_accepts_the_alerts() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(RULES)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

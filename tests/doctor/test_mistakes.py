"""Mistakes as people make them, each named with its file and its line."""

from pathlib import Path

import pytest

from ferryman.devtools.doctor.check_app import check
from tests.doctor.apps import (
    FORGE,
    SOUND,
)
from tests.doctor.mistakes import MISTAKES, M, Mistake, examined
from tests.doctor.overrides_mistakes import OVERRIDES_MISTAKES
from tests.functions.packages import example

ALL = [*MISTAKES, *OVERRIDES_MISTAKES]


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("app", SOUND.values(), ids=SOUND)
def test_a_sound_app_has_nothing_wrong(tmp_path: Path, app: dict[str, str]) -> None:
    assert examined(tmp_path, app) == []


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("name", ["connect", "forge-js", "forge-ts", "noticeboard", "remote"])
def test_the_examples_have_nothing_wrong(tmp_path: Path, name: str) -> None:
    assert check(example(name, tmp_path)) == []


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("mistake", ALL, ids=[f"{n}-{each.check}" for n, each in enumerate(ALL)])
def test_a_mistake_is_named(tmp_path: Path, mistake: Mistake) -> None:
    """By its check, its file, its line, and what to do; and nothing is told of what is right."""
    before = mistake.app.get(mistake.file, "")
    assert mistake.old in before
    after = before.replace(mistake.old, mistake.new, 1) if mistake.old else mistake.new
    findings = examined(tmp_path, {**mistake.app, mistake.file: after})
    named = [each for each in findings if each.check == mistake.check]
    assert named, findings
    [found, *_] = named
    file = mistake.found_in or mistake.file
    assert (found.severity.value, found.file) == (mistake.severity, file), findings
    if mistake.at is not None:
        assert found.line is not None
        assert mistake.at in (tmp_path / file).read_text().splitlines()[found.line - 1], found
    assert mistake.says in f"{found.what} {found.fix}", found
    assert found.why
    assert found.fix
    allowed = {mistake.check, *ALSO.get(mistake.check, ())}
    assert {each.check for each in findings} <= allowed, findings


ALSO = {
    "manifest_endpoint_service": ("service_unknown",),
    "package_json_invalid": ("handler_does_not_compile",),
    "module_missing": ("dependency_not_declared", "forge_service_missing"),
    "manifest_events_unsent": ("event_not_sent",),
    "descriptor_malformed": ("remote_url",),
    "events_missing": ("no_migration_events",),
    "event_unknown": ("uploads_not_heard", "no_migration_events"),
    "yaml_name_repeated": ("function_unknown",),
    "migration_module": ("key_repeated",),
    "key_missing": ("function_unknown",),
    "trigger_target": ("function_unknown", "never_acknowledged"),
}
"""What follows from a mistake and is told besides."""


def test_node_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_NODE", str(tmp_path / "no-node"))
    [found] = examined(tmp_path, FORGE)
    assert (found.check, found.file) == ("node_missing", M)

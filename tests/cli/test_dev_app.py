"""What `ferryman dev`, the pytest plugin and `replay` take a folder for."""

import json
from pathlib import Path

import pytest

from ferryman.cli.connection import URL, Admin
from ferryman.cli.dev_app import App
from ferryman.vocab import AppKind, EventType
from tests.functions.test_descriptor import MANIFEST

TRIGGER = {"key": "t", "function": "f", "events": [str(EventType.UPLOADED)]}
PRODUCT = {**TRIGGER, "events": ["avi:jira:created:issue"]}


@pytest.mark.parametrize(
    ("modules", "kind"),
    [
        ({}, AppKind.CONNECT),
        ({"modules": {"jira:issuePanel": [{"key": "p"}]}}, AppKind.CONNECT),
        ({"modules": {"trigger": [PRODUCT]}}, AppKind.CONNECT),
        ({"modules": {"trigger": [PRODUCT, TRIGGER]}}, AppKind.FORGE),
        ({"modules": {"trigger": [TRIGGER]}, "connectModules": None}, AppKind.FORGE),
        ({"modules": {"trigger": "nonsense"}, "connectModules": {}}, AppKind.CONNECT),
    ],
)
def test_the_kind_of_an_app_is_where_its_events_go(
    tmp_path: Path, modules: dict[str, object], kind: AppKind
) -> None:
    """To a webhook of connectModules, unless a trigger asks for events of a migration."""
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, **modules}))
    app = App(Admin(URL, ""), tmp_path, tmp_path, None, None, "development")
    registration = app.registration()
    assert (registration.kind, registration.cloud_app_key) == (kind, "org.example.notes")
    assert (registration.descriptor is not None) is (kind is AppKind.CONNECT)
    assert (registration.source is None) is (kind is AppKind.CONNECT)

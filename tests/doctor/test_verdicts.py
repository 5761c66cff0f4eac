"""The doctor and the registration of an app say the same of the same definition."""

from pathlib import Path

import pytest

from ferryman.devtools.definition import read_descriptor
from ferryman.devtools.doctor.check_app import check
from ferryman.devtools.doctor.finding import Severity
from ferryman.errors import PlatformError
from ferryman.functions.descriptor import parse_descriptor
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.source import load_manifest
from ferryman.services.app_registration import check_registration
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration
from tests.doctor.apps import CONNECT, PYTHON_APP, REMOTE_APP

M, D = "manifest.yml", "atlassian-connect.json"


def refused_by_doctor(folder: Path) -> bool:
    return any(each.severity is Severity.ERROR for each in check(folder))


def refused_at_registration(folder: Path) -> bool:
    try:
        if (folder / M).exists():
            parse_manifest(load_manifest(folder))
        else:
            parse_descriptor(read_descriptor(str(folder / D)))
    except PlatformError:
        return True
    return False


def write(folder: Path, app: dict[str, str]) -> None:
    for name, text in app.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def with_key(app: dict[str, str], key: str) -> str:
    """The manifest whose function is called ``key``, in both places."""
    name = app[M].partition("function:\n    - key: ")[2].partition("\n")[0]
    assert name
    return (
        app[M]
        .replace(f"- key: {name}\n", f"- key: {key}\n")
        .replace(f"function: {name}\n", f"function: {key}\n")
    )


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("[alias]\n[products]\n[test-handler]\nreset = 'true'\n", False),
        ("\ufeff[products]\njira = 'http://127.0.0.1:2990'\n", False),
        ("[aliases]\n", True),
        ("[test-handler]\nresets = 'true'\n", True),
        ("[products]\njira = 'localhost'\n", True),
    ],
)
def test_what_ferryman_toml_may_hold(tmp_path: Path, text: str, refused: bool) -> None:
    """Beside an app in Python too, whose functions do not need it."""
    write(tmp_path, {**PYTHON_APP, "ferryman.toml": text})
    request = AppRegistration(
        server_app_key="org.example.server",
        cloud_app_key="org.example.cloud",
        environment="development",
        kind=AppKind.FORGE,
        manifest=load_manifest(tmp_path),
        source=str(tmp_path),
    )
    found = None
    try:
        check_registration(request)
    except PlatformError as refusal:
        found = refusal.code
    assert found == ("overrides_malformed" if refused else None)
    assert refused_by_doctor(tmp_path) is refused


@pytest.mark.parametrize("key", ["on", "yes", "off", "2024-01-01", "12:30", "n", "1_000"])
def test_words_that_are_texts_in_yaml_1_2(tmp_path: Path, key: str) -> None:
    write(tmp_path, {**PYTHON_APP, M: with_key(PYTHON_APP, key)})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (False, False)


@pytest.mark.parametrize("key", ["true", "12", "1.5", "~", "0x1F"])
def test_words_that_are_none(tmp_path: Path, key: str) -> None:
    write(tmp_path, {**PYTHON_APP, M: with_key(PYTHON_APP, key)})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (True, True)


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ("permissions:\n  external: [https://x.example/?a=b, https://y.example/p?]\n", False),
        ("extra: [a?b, {c: d?e}]\n", False),
        ("extra: [a, b\n", True),
        ("extra: 2024-99-99\n", False),
        ("extra: 1\nextra: 2\n", True),
        ("extra: &a {b: 1}\nmore: {<<: *a, b: 2}\n", False),
    ],
)
def test_what_yaml_is(tmp_path: Path, more: str, refused: bool) -> None:
    manifest = PYTHON_APP[M].replace("permissions:", "others:") + more
    write(tmp_path, {**PYTHON_APP, M: manifest})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (refused, refused)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("  endpoint:\n", "  endpoint:\n    - key: box\n      service: s\n", False),
        ("remote: backend", "service: s", True),
        ("remote: backend", "remote: nowhere", True),
        ("remote: backend", "remote: nowhere\n      service: s", True),
    ],
)
def test_endpoints_of_container_services(tmp_path: Path, old: str, new: str, refused: bool) -> None:
    assert old in REMOTE_APP[M]
    text = REMOTE_APP[M].replace(old, new, 1) + "services:\n  - key: s\n"
    write(tmp_path, {**REMOTE_APP, M: text})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (refused, refused)


@pytest.mark.parametrize(
    ("before", "refused"), [("", False), ("\ufeff", False), ("// the app\n", True), ("# x\n", True)]
)
def test_descriptors(tmp_path: Path, before: str, refused: bool) -> None:
    write(tmp_path, {**CONNECT, D: before + CONNECT[D]})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (refused, refused)


def test_a_longer_time_limit_is_taken(tmp_path: Path) -> None:
    """The platform gives 25 seconds whatever stands there."""
    longer = PYTHON_APP[M].replace("timeoutSeconds: 25", "timeoutSeconds: 900")
    assert "900" in longer
    write(tmp_path, {**PYTHON_APP, M: longer})
    assert (refused_at_registration(tmp_path), refused_by_doctor(tmp_path)) == (False, False)

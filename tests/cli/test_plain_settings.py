"""A process that is given settings needs nothing that reads them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.serve import WORKER
from ferryman.config import Settings
from ferryman.domain.person import GroupGrant
from ferryman.plain_settings import DerivedSettings, packed, unpacked
from ferryman.server import fork_server
from ferryman.vocab import FunctionMode, Role

DERIVED = [name for name, each in vars(DerivedSettings).items() if isinstance(each, property)]

API_LACKS = frozenset(
    {"pydantic", "pydantic_settings", "typer", "rich", "psutil", "aiohttp"}
    | {"ferryman.domain.fault_oracle"}
)
"""What reads settings and command lines, and what other processes and few calls need."""
WORKER_LACKS = frozenset({"litestar", "granian", "rich"})

CHOSEN = {
    "data_dir": Path("data"),
    "public_url": "https://ferryman.example/f/",
    "functions": FunctionMode.AUTO,
    "function_folders": "lens=out,*=.",
    "oidc_issuer": "https://login.example",
    "oidc_client_id": "ferryman",
    "oidc_roles": {"ops": GroupGrant(role=Role.OPERATOR, customers=("acme",))},
}


@pytest.mark.parametrize("chosen", [{}, CHOSEN], ids=["default", "chosen"])
def test_settings_are_the_same_there(chosen: dict[str, Any]) -> None:
    """With their types, and all that follows from them."""
    settings = Settings(**chosen)
    there = unpacked(packed(settings))
    for name in (*Settings.model_fields, *DERIVED):
        assert getattr(there, name) == getattr(settings, name), name
    for app in ("lens", "other"):
        folder = settings.function_folder(app, Path("/app"))
        assert there.function_folder(app, Path("/app")) == folder


def test_no_secret_is_shown() -> None:
    settings = Settings(operator_token="the-operator-token-of-this-test")
    assert "the-operator-token" not in repr(unpacked(packed(settings)))


@pytest.mark.parametrize(
    ("modules", "lacks"),
    [
        (fork_server.modules_of(2, ()).first, API_LACKS),
        (fork_server.modules_of(1, WORKER).first, WORKER_LACKS),
    ],
    ids=["api", "worker"],
)
def test_a_start_imports_no_more_than_its_process_needs(
    modules: list[str], lacks: frozenset[str]
) -> None:
    """Each takes up to a tenth of the time until a process serves."""
    script = (
        "import sys; from importlib import import_module; from ferryman.server import quick_start; "
        "quick_start.prepare(); [import_module(each) for each in sys.argv[1:]]; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *fork_server.SHARED, *modules],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not lacks & {*done.stdout.split()}

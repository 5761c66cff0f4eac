"""The names of the SDK: complete for type checkers, lazy at run time, alike in both faces."""

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ferryman

BIN = Path(sys.executable).parent
PLATFORM = (
    *("api", "cli", "client", "console", "delivery", "devtools", "domain", "functions", "java"),
    *("objects", "server", "services", "store", "testing"),
)
"""The layers above the SDK or beside it."""

FACES = [
    (ferryman.Migration, ferryman.AsyncMigration),
    (ferryman.ConnectMigration, ferryman.AsyncConnectMigration),
    (ferryman.Payload, ferryman.AsyncPayload),
    (ferryman.QueryBuilder, ferryman.AsyncQueryBuilder),
]


def test_the_list_of_names_is_one() -> None:
    """Written out for type checkers, imported for them, and looked up at run time."""
    tree = ast.parse(Path(ferryman.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == ferryman._HOMES
    assert sorted(ferryman._HOMES) == ferryman.__all__
    for name in set(ferryman.__all__) - {"GatewayError", "MigrationAPIError"}:
        assert getattr(ferryman, name).__name__ == name


def test_both_sides_know_the_errors_by_their_own_name() -> None:
    """So one handler of a class catches it, whichever client raised it."""
    assert ferryman.GatewayError is ferryman.MigrationAPIError is ferryman.ClientError


def test_importing_costs_nothing_before_it_is_used() -> None:
    """`import ferryman` imports no HTTP library, and the synchronous client no aiohttp."""
    program = """
import sys, ferryman
heavy = {"urllib3", "aiohttp", "msgspec", "asyncio", "typer", "jwt"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
ferryman.Migration, ferryman.ConnectMigration, ferryman.Gateway, ferryman.verify_webhook
server = {"aiohttp", "jwt", "litestar", "asyncpg", "cryptography", "ferryman.domain"}
assert not server & set(sys.modules), server & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("sync", "asynchronous"), FACES, ids=lambda face: face.__name__)
def test_both_faces_take_the_same(sync: type, asynchronous: type) -> None:
    """Each public method of our own has a twin with the same parameters and the same words."""
    ours, twins = methods(sync), methods(asynchronous)
    # The synchronous file is one of Python's own and inherits `read` and `close`.
    extra = {"read", "close"} if sync is ferryman.Payload else set()
    assert set(twins) - extra == set(ours)
    for name, method in ours.items():
        mine, its = inspect.signature(method), inspect.signature(twins[name])
        assert list(mine.parameters.values()) == list(its.parameters.values()), name
        assert inspect.getdoc(method) == inspect.getdoc(twins[name]), name


def methods(face: type) -> dict[str, Callable[..., object]]:
    """What we wrote for the callers of a class."""
    return {
        name: member
        for base in face.__mro__
        if base.__module__.startswith("ferryman.")
        for name, member in vars(base).items()
        if not name.startswith("_") and inspect.isfunction(member)
    }


@pytest.mark.timeout(300)
def test_every_public_type_is_known(tmp_path: Path) -> None:
    """What pyright's `--verifytypes` says of the SDK: each symbol has a type that is known.

    It reads a copy without the platform, of which the SDK uses nothing, and which would take it
    most of the time.
    """
    package = tmp_path / "ferryman"
    shutil.copytree(
        Path(ferryman.__file__).parent, package, ignore=shutil.ignore_patterns(*PLATFORM)
    )
    done = subprocess.run(
        [
            str(BIN / "basedpyright"),
            "--verifytypes",
            "ferryman",
            "--ignoreexternal",
            "--outputjson",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=BIN,
        # It reads the packages of the first Python on the path.
        env={
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(tmp_path),
        },
    )
    report = json.loads(done.stdout)["typeCompleteness"]
    assert Path(report["packageRootDirectory"]) == package
    ours = [each for each in report["symbols"] if each["isExported"] and public(each["name"])]
    assert len(ours) > 300
    unknown = [each["name"] for each in ours if not each["isTypeKnown"] or each["isTypeAmbiguous"]]
    assert unknown == []


def public(symbol: str) -> bool:
    """Whether a symbol belongs to the SDK or to what its methods give and take."""
    inner = symbol.removeprefix("ferryman.").partition(".")[0]
    return inner in {"sdk", "wire", "vocab", "qsh", *ferryman.__all__}

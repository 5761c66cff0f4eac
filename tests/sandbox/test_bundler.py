"""The bundler reads an app's own folder, and no other file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.conftest import Ground

OUTSIDE = {
    "another app": "{folder}/neighbour/data.json",
    "another app by a relative path": "../neighbour/data.json",
    "the data folder": "{folder}/data/kept.json",
    "the data folder in the source": "./.ferryman/kept.json",
    "a link": "./link.json",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
def test_an_import_from_outside_is_refused(ground: Ground, path: str) -> None:
    text = f"import found from {path.format(folder=ground.folder)!r};\n"
    (ground.source / "importing.js").write_text(
        f"{text}export function run() {{ console.log(found); }}\n"
    )
    (ground.source / "importing.js").chmod(0o644)
    [outcome] = ground.call({"handler": "importing.run"})["outcomes"]
    assert not outcome["ok"]
    assert "Could not resolve" in outcome["error"], outcome


def test_an_import_from_the_source(ground: Ground) -> None:
    (ground.source / "importing.js").write_text(
        "import found from './own.json';\nexport function run() { console.log(found.mine); }\n"
    )
    (ground.source / "importing.js").chmod(0o644)
    [outcome] = ground.call({"handler": "importing.run"})["outcomes"]
    assert outcome["output"].strip() == "yes", outcome


@pytest.fixture
def workspace(ground: Ground) -> Iterator[Path]:
    """The root of a workspace that has the app, its neighbour, another app, and a package."""
    made = {
        "package.json": '{"workspaces": ["app", "neighbour", "shared"]}',
        "shared/package.json": '{"main": "index.js"}',
        "shared/index.js": "export const found = 'in the workspace';\n",
        "shared/examples/manifest.yml": "",
        "shared/examples/data.json": '{"found": "of an app within a package"}',
        "neighbour/package.json": '{"main": "data.json"}',
        "neighbour/manifest.yml": "",
    }
    modules = ground.source / "node_modules"
    try:
        for name, text in made.items():
            (ground.folder / name).parent.mkdir(mode=0o755, exist_ok=True)
            (ground.folder / name).write_text(text)
            (ground.folder / name).chmod(0o644)
        modules.mkdir(mode=0o755)
        for name, target in (("shared", "../../shared"), ("other", "../../neighbour")):
            (modules / name).symlink_to(target)
        (modules / "all").symlink_to("/")
        yield ground.folder
    finally:
        shutil.rmtree(modules)
        shutil.rmtree(ground.folder / "shared")
        for name in ("package.json", "neighbour/package.json", "neighbour/manifest.yml"):
            (ground.folder / name).unlink()


@pytest.mark.usefixtures("workspace")
def test_packages_of_the_workspace(ground: Ground) -> None:
    """One that is linked to is read; another app, also within it, and the file system are not."""
    outcomes = {}
    for name, module in (
        ("own", "shared"),
        ("leak", "other"),
        ("within", "shared/examples/data.json"),
        ("root", "all/etc/hostname"),
    ):
        text = f"import * as all from '{module}';\n"
        (ground.source / f"{name}.js").write_text(
            f"{text}export function run() {{ console.log(all.found); }}\n"
        )
        (ground.source / f"{name}.js").chmod(0o644)
        [outcomes[name]] = ground.call({"handler": f"{name}.run"})["outcomes"]
    assert outcomes["own"]["output"].strip() == "in the workspace", outcomes["own"]
    assert "another app" in outcomes["leak"]["error"], outcomes["leak"]
    assert "Could not resolve" in outcomes["within"]["error"], outcomes["within"]
    assert "no other package of the workspace" in outcomes["root"]["error"], outcomes["root"]

"""The bundler reads an app's own folder, and no other file."""

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

"""An app writes to the folder that the operator named for it, as that folder's owner."""

import os

import pytest

from tests.sandbox.conftest import NOBODY, Ground

OWNER = 1_899_000_000


def test_a_folder_that_may_be_written(ground: Ground) -> None:
    folder = ground.folder / "app" / "written"
    folder.mkdir(exist_ok=True)
    if os.getuid() == 0:
        owner = NOBODY if ground.drops else OWNER
        os.chown(folder, owner, owner)
    call = {"handler": "endings.write", "event": {"folder": str(folder)}}
    [outcome] = ground.call(call, folder=str(folder))["outcomes"]
    assert outcome["ok"], outcome
    assert (folder / "kept").read_text() == "kept"
    assert outcome["output"].strip() == (str(OWNER) if ground.who == "root" else "0")


def test_no_function_runs_as_root(ground: Ground) -> None:
    if ground.who != "root":
        pytest.skip("of root's folders")
    folder = ground.folder / "roots"
    folder.mkdir(exist_ok=True)
    call = {"handler": "endings.write", "event": {"folder": str(folder)}}
    [outcome] = ground.call(call, folder=str(folder))["outcomes"]
    assert not outcome["ok"]
    assert "belongs to root" in outcome["error"]

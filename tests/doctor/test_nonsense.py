"""Whatever a definition holds, the doctor says something of it."""

from pathlib import Path

import pytest

from tests.doctor.mistakes import M, examined


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "- a",
        "a: b",
        "modules: 3",
        "modules: {trigger: 7}",
        "modules: {trigger: [3, null, {}]}",
        "connectModules: &c {a: *c}",
        "connectModules: {}",
        "connectModules: {? [a] : b}\napp: {connect: {key: [3], remote: {}}}\nremotes: [3]",
        "&a [*a]",
        "? {a: b}\n: c",
        "modules: &m {trigger: [*m]}",
        "a: !!python/object:os.system x",
        "modules: {function: [{key: 3, handler: [x]}]}",
        "\0",
        "é" * 9,
    ],
)
def test_nonsense_is_survived(tmp_path: Path, text: str) -> None:
    """With at least one finding, whatever it is."""
    assert examined(tmp_path, {M: text})

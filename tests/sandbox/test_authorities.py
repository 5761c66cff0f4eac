"""Node.js is given what it would have read of a file of authorities."""

from pathlib import Path

import pytest

from ferryman.errors import ConfigError
from ferryman.functions import toolchain
from ferryman.functions.bundle import Bundle
from ferryman.functions.program import NodeProgram
from ferryman.functions.sandbox.authorities import INSIDE, VARIABLE, for_node
from tests.sandbox.test_tls import certify


@pytest.mark.parametrize(("indent", "taken"), [("", True), ("  ", False)])
def test_a_certificate_that_node_would_skip_is_left_to_it(
    tmp_path: Path, indent: str, taken: bool
) -> None:
    """Given to Node.js, it would end the reading before the authorities that follow it."""
    try:
        toolchain.node()
    except ConfigError:
        pytest.skip("no Node.js")
    file = tmp_path / "authority.pem"
    certify(file, tmp_path / "server.pem")
    text = file.read_text()
    file.write_text("".join(indent + line for line in text.splitlines(keepends=True)) + text)
    code = Bundle(file=file, code="", products={}, inputs=(), stamps=frozenset())
    environment = {VARIABLE: str(file)}
    given = for_node(NodeProgram(tmp_path, code, "run"), environment)
    assert (given is not None) == taken
    assert environment == {VARIABLE: INSIDE if taken else str(file)}

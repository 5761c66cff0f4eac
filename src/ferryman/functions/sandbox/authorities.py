"""The authorities that a Node.js in a sandbox has to be given: those that it lacks.

Node.js reads every certificate of ``NODE_EXTRA_CA_CERTS`` when it starts, whether it uses them or
not. The bundle of a system holds about as many as Node.js has of its own, and reading them takes
as much processor time as all the rest of a start.
"""

import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

from ferryman.functions import toolchain
from ferryman.functions.program import Program, PythonProgram

VARIABLE = "NODE_EXTRA_CA_CERTS"
INSIDE = "/etc/node-authorities.pem"

# A build for the system's store does not trust its own list.
_QUESTION = """\
const { defines = [] } = process.config.target_defaults;
const own = defines.includes('NODE_OPENSSL_CERT_STORE') ? [] : require('tls').rootCertificates;
JSON.stringify(own)"""
_SECONDS = 10
_CERTIFICATE = re.compile(
    r"^-----BEGIN CERTIFICATE-----\s.+?^-----END CERTIFICATE-----", re.DOTALL | re.MULTILINE
)


def for_node(program: Program, environment: dict[str, str]) -> bytes | None:
    """Return what to put at ``INSIDE``, if anything, and change the variables to say so.

    A file that Node.js would not read to its end is left to it, as are programs in Python.
    """
    file = environment.get(VARIABLE)
    if file is None or isinstance(program, PythonProgram):
        return None
    node = toolchain.node()
    try:
        found, node_found = Path(file).stat(), node.stat()
        lacking = _lacking(file, (found.st_mtime_ns, found.st_size), node, node_found.st_mtime_ns)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    del environment[VARIABLE]
    if not lacking:
        return None
    environment[VARIABLE] = INSIDE
    return lacking


@lru_cache(maxsize=4)
def _lacking(file: str, _changed: tuple[int, int], node: Path, node_changed: int) -> bytes:
    """Return the certificates of a file that Node.js lacks; ``ValueError`` if it holds others."""
    text = Path(file).read_text("ascii", errors="replace")
    blocks = _CERTIFICATE.findall(text)
    if len(blocks) != text.count("-----BEGIN "):
        raise ValueError("not only certificates")
    own = _own(node, node_changed)
    return "".join(f"{each}\n" for each in blocks if PEM_cert_to_DER_cert(each) not in own).encode()


@lru_cache(maxsize=4)
def _own(node: Path, _changed: int) -> frozenset[bytes]:
    """Return the certificates of the authorities that a Node.js trusts by itself."""
    done = subprocess.run(
        [str(node), "-p", _QUESTION],
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_SECONDS,
    )
    return frozenset(map(PEM_cert_to_DER_cert, json.loads(done.stdout)))

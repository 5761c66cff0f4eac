"""TLS runs from the function to the host, whose certificate has to say the name that was called."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sandbox.conftest import Ground

SECURE, OTHER, WILD, FOREIGN = "secure.test", "other.test", "deep.wild.test", "foreign.test"

Sign = Callable[[x509.CertificateBuilder], x509.Certificate]


def built(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    names = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        for text in (subject, issuer)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(next(names))
        .issuer_name(next(names))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    )


def certify(authority_file: Path, server_file: Path) -> None:
    """Make an authority of our own, and a server's key with its certificate for two names."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    own = (
        built("authority", "authority", authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(SECURE), x509.DNSName("*.wild.test")])
    signed = (
        built("server", "authority", server.public_key())
        .add_extension(names, critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = server.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority_file.write_bytes(own.public_bytes(pem))
    server_file.write_bytes(private + signed.public_bytes(pem))
    for each in (authority_file, server_file):
        each.chmod(0o644)


@pytest.mark.parametrize("handler", ["secure.run", "secured.run"])
def test_a_certificate_is_checked_against_the_name_that_was_called(
    ground: Ground, handler: str
) -> None:
    certify(ground.source / "authority.pem", ground.folder / "server.pem")
    names = [SECURE, WILD, OTHER, FOREIGN]
    [outcome] = ground.call(
        {"handler": handler, "event": {"names": names}},
        granted=[
            f"https://{SECURE}:{{secure}}", "*.wild.test:{secure}", f"https://{OTHER}:{{secure}}"
        ],
        secure=str(ground.folder / "server.pem"),
        names=names,
        private=True,
    )["outcomes"]  # fmt: skip
    assert outcome["ok"], outcome
    said = json.loads(outcome["output"])
    assert (said[SECURE], said[WILD]) == ("secure", "secure")
    # Granted, reached, and found not to be who it should be.
    assert "certificate" in said[OTHER], said
    assert OTHER in said[OTHER]
    # Not granted: there is no such name.
    assert said[FOREIGN] != "secure"
    assert "not known" in said[FOREIGN] or "ENOTFOUND" in said[FOREIGN], said


@pytest.mark.parametrize("named", ["all", "own of Node.js", "unreadable"])
def test_node_is_given_the_authorities_that_it_lacks(ground: Ground, named: str) -> None:
    """Reading those that it has would double the time of its start."""
    certify(ground.folder / "authority.pem", ground.folder / "server.pem")
    lacking = (ground.folder / "authority.pem").read_text()
    command = [
        ground.environment.get("FERRYMAN_NODE") or pytest.skip("no Node.js"),
        "-p",
        "require('tls').rootCertificates.slice(0, 3).join('\\n')",
    ]
    own = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    bundle = ground.folder / "bundle.pem"
    bundle.write_text(own + (lacking if named == "all" else ""))
    file = ground.folder / "none.pem" if named == "unreadable" else bundle
    given = {**ground.environment, "NODE_EXTRA_CA_CERTS": str(file)}
    [outcome] = replace(ground, environment=given).call(
        {"handler": "trusting.run", "event": {"names": [SECURE]}},
        granted=[f"https://{SECURE}:{{secure}}"],
        secure=str(ground.folder / "server.pem"),
        names=[SECURE],
        private=True,
    )["outcomes"]
    if named == "unreadable":  # and Node.js says so itself
        assert "none.pem" in outcome["output"]
        return
    said = json.loads(outcome["output"])
    assert said["given"] == (lacking if named == "all" else "")
    assert (said["word"] == "secure") == (named == "all"), said

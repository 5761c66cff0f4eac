"""Certificates as companies issue them, and as they get wrong."""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass
class Authority:
    """A private authority; ``signs`` is whether its own certificate lets it issue others."""

    folder: Path
    name: str
    signs: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.file = self.folder / f"{self.name.replace(' ', '-')}.pem"
        self.certificate = self._sign(
            self.name, self.key, [x509.BasicConstraints(self.signs, None)]
        )
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        host: str,
        *,
        expired: bool = False,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        key: PrivateKey | None = None,
    ) -> Path:
        """Return a file with a certificate of ``host`` and its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = [
            x509.BasicConstraints(False, None),
            x509.SubjectAlternativeName([_name(host)]),
            x509.ExtendedKeyUsage([usage]),
        ]
        leaf = self._sign(host, key, extensions, ends=-DAY if expired else DAY)
        file = self.folder / f"{self.file.stem}-{host}-{leaf.serial_number}.pem"
        file.write_bytes(private(key) + leaf.public_bytes(serialization.Encoding.PEM))
        return file

    def with_key(self) -> Path:
        """Return a file with its own certificate and key, for a proxy that issues others."""
        file = self.file.with_suffix(".key.pem")
        file.write_bytes(self.file.read_bytes() + private(self.key))
        return file

    def _sign(
        self,
        subject: str,
        key: PrivateKey,
        extensions: list[x509.ExtensionType],
        ends: dt.timedelta = DAY,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + ends)
        )
        for each in extensions:
            builder = builder.add_extension(each, critical=isinstance(each, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())


def private(key: PrivateKey) -> bytes:
    """Return a key in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(host))
    return x509.DNSName(host)

"""The certificate that the platform serves: check it before clients do, and notice a new one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from ferryman import refusals
from ferryman.clock import wall_now
from ferryman.errors import ConfigError

if TYPE_CHECKING:
    from ferryman.config import Settings

log = structlog.get_logger("ferryman.serve")

_POLL_SECONDS = 2.0

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS = range(2048, 8193)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a certificate and of its key, which fitted when they were checked.

    ``digest`` is that of both files, and changes when they are renewed.
    """

    certificate: Path
    key: Path
    digest: bytes


def key_pair(settings: "Settings") -> KeyPair | None:
    """Return the key and certificate that the platform serves; None if it serves http.

    Raises :class:`ConfigError` (``tls_invalid``) for files that are missing, unreadable, expired,
    or not a pair.
    """
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        given = "--tls-key" if certificate is None else "--tls-cert"
        raise refusals.tls.ONE_ALONE(given=given)
    chain, secret = _read("--tls-cert", certificate), _read("--tls-key", key)
    leaf = _leaf(certificate, chain)
    public = _public_key(key, secret)
    if leaf.public_key().public_bytes(*_DER) != public:
        raise refusals.tls.MISMATCH(certificate=certificate, subject=_subject(leaf), key=key)
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not begins <= wall_now() <= ends:
        raise refusals.tls.OUT_OF_DATE(
            file=certificate, subject=_subject(leaf), begins=begins, ends=ends
        )
    try:
        # The HTTP server does the same, and finds what was not looked at here: a cut chain.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # an SSLError is one; another, if a file was replaced meanwhile
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise refusals.tls.UNUSABLE(
            certificate=certificate, key=key, reason=reason or "no reason given"
        ) from None
    return KeyPair(certificate, key, sha256(chain + secret).digest())


async def renewals(settings: "Settings", served: KeyPair) -> AsyncIterator[KeyPair]:
    """Yield each pair that takes the place of the one that is served, soon after it was written.

    A pair that would be refused at a start is logged, and the one before goes on being served.
    """
    acted = last = served.digest
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        state = await asyncio.to_thread(_digest, served.certificate, served.key)
        # Twice the same: between two writes, the files are not a pair.
        if state == last and state != acted:
            acted = state
            try:
                found = key_pair(settings)
            except ConfigError as error:
                log.warning("certificate.refused", found=error.found, fix=error.fix)
            else:
                if found is not None:
                    yield found
        last = state


def _digest(certificate: Path, key: Path) -> bytes:
    try:
        return sha256(certificate.read_bytes() + key.read_bytes()).digest()
    except OSError:
        return b""


_DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(option: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise refusals.tls.UNREADABLE(option=option, file=file, reason=error.strerror) from None


def _leaf(file: Path, chain: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise refusals.tls.NO_CERTIFICATE(file=file) from None


def _public_key(file: Path, secret: bytes) -> bytes:
    """Return the public half of a key that the HTTP server's TLS can use."""
    try:
        key = load_pem_private_key(secret, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        raise refusals.tls.NO_KEY(file=file) from None
    match key:
        case rsa.RSAPrivateKey() if key.key_size in _RSA_BITS:
            pass
        case ec.EllipticCurvePrivateKey() if isinstance(key.curve, _CURVES):
            pass
        case ed25519.Ed25519PrivateKey():
            pass
        case ec.EllipticCurvePrivateKey():
            raise refusals.tls.KEY_UNSUITABLE(kind=f"one on {key.curve.name}", file=file)
        case rsa.RSAPrivateKey():
            raise refusals.tls.KEY_UNSUITABLE(kind=f"one of {key.key_size} bits", file=file)
        case _:
            raise refusals.tls.KEY_UNSUITABLE(kind="one of another kind", file=file)
    return key.public_key().public_bytes(*_DER)


def _subject(leaf: x509.Certificate) -> str:
    return leaf.subject.rfc4514_string()[:120] or "no name"

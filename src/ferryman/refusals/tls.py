"""Refused certificates of the platform's own TLS: no client would accept them."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

_PAIR = "a certificate in PEM in --tls-cert and its private key in --tls-key"

ONE_ALONE = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="{given} alone",
    fix="Give both, or neither to serve http.",
)
UNREADABLE = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="{option}={file}, which cannot be read: {reason}",
    fix="Correct the path, and let the user of the platform read the file.",
)
NO_CERTIFICATE = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="no certificate in PEM in --tls-cert={file}",
    fix="Give the platform's certificate, followed by those of the authorities between it and the "
    "root.",
)
NO_KEY = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="no private key in PEM in --tls-key={file}",
    fix="Give the key of the certificate. Remove its password, if it has one, with "
    "`openssl pkey`, and let only the user of the platform read the file.",
)
KEY_UNSUITABLE = Refusal(
    "tls_invalid",
    ConfigError,
    expected="a key of RSA with 2048 to 8192 bits, of ECDSA on P-256 or P-384, or of Ed25519",
    found="{kind} in --tls-key={file}",
    fix="Make such a key, and have a certificate issued for it.",
)
MISMATCH = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="a key of another certificate: --tls-cert={certificate} (first certificate: {subject}), "
    "--tls-key={key}",
    fix="Give the key of this certificate. In a file of several certificates, the platform's own "
    "comes first.",
)
UNUSABLE = Refusal(
    "tls_invalid",
    ConfigError,
    expected=_PAIR,
    found="--tls-cert={certificate} and --tls-key={key}, which OpenSSL cannot use: {reason}",
    fix="Check that both files are whole, and that no certificate is signed with SHA-1 or older.",
)
OUT_OF_DATE = Refusal(
    "tls_invalid",
    ConfigError,
    expected="a certificate that is valid now, in --tls-cert={file}",
    found="one of {subject}, valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC",
    fix="Renew the certificate, or correct the clock of this machine.",
)

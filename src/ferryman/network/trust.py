"""Whom to trust: the system's authorities, and those of a file that the environment names."""

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Files of authorities in PEM. The first is ours, and OpenSSL's; the second is tolerated."""


def ca_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the files that the environment names, by variable."""
    return {name: environ[name] for name in CA_VARIABLES if environ.get(name)}


def tls_context(environ: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """Return the settings of TLS for all connections; the same object for the same files.

    Raises ``ConfigError`` (``ca_bundle_unreadable``).
    """
    return _context(tuple(ca_files(os.environ if environ is None else environ).items()))


@lru_cache(maxsize=4)
def _context(files: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    return new_tls_context(dict(files))


def new_tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return settings of TLS that nobody else has, for a library that changes them.

    Raises ``ConfigError`` (``ca_bundle_unreadable``).
    """
    context = ssl.create_default_context()
    for variable, name in ca_files(environ).items():
        path = Path(name).expanduser()
        try:
            if path.is_dir():
                context.load_verify_locations(capath=str(path))
            else:
                # OpenSSL ignores a file that it cannot read.
                context.load_verify_locations(cafile=str(path))
        except OSError as error:  # ssl.SSLError is one
            reason = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            # Imported only here, to keep the start of functions fast.
            from ferryman import refusals

            raise refusals.network.CA_BUNDLE_UNREADABLE(
                variable=variable, file=name, found=reason
            ) from None
    return context


def function_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make functions trust the same authorities.

    OpenSSL, and so Python, reads SSL_CERT_FILE; Node.js adds NODE_EXTRA_CA_CERTS to its own list.
    That is one file, so of several the one of SSL_CERT_FILE, which all other programs read.
    Functions run in another folder, and a sandbox has the files but no links to them.
    """
    names = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
    given = ca_files(environ)
    extra = next((environ[name] for name in names if environ.get(name)), None)
    if extra:
        given["NODE_EXTRA_CA_CERTS"] = extra
    return {name: str(Path(file).expanduser().resolve()) for name, file in given.items()}

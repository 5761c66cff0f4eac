"""Encrypt secrets before they are stored, with a key that the database does not have.

AES-256-GCM. A sealed value names the key that sealed it, so that several keys can be in use while
one replaces another. Without a key, values are stored as they are.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.ids import new_nonce
from ferryman.refusals import Refusal

_MARK = b"sealed:"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KID_DIGITS = 16


@dataclass(frozen=True, slots=True, repr=False)
class SecretBox:
    """The keys that secrets are sealed with: the first one seals, all of them open."""

    keys: Sequence[bytes] = ()

    @classmethod
    def of(cls, given: str | None, file: Path | None) -> Self:
        """Read the keys of the settings: one key, or a file with one in each line.

        Raises :class:`ConfigError` (``secret_key_invalid``) for anything else.
        """
        return cls(read_keys(given, file, refusals.database.SECRET_KEY_INVALID))

    def seal(self, value: bytes) -> bytes:
        """Return a value as it is stored."""
        if not self.keys:
            return value
        key, nonce = self.keys[0], new_nonce(_NONCE_BYTES)
        kid = _kid(key)
        return _MARK + kid + b":" + nonce + AESGCM(key).encrypt(nonce, value, _MARK + kid)

    def open(self, stored: bytes) -> bytes:
        """Return the value that was stored, which may be from a time without a key.

        Raises :class:`ConfigError` (``secret_key_missing``) without the key that sealed it, and if
        what is stored was changed.
        """
        if not stored.startswith(_MARK):
            return stored
        kid, sealed = stored[len(_MARK) :][:_KID_DIGITS], stored[len(_MARK) + _KID_DIGITS + 1 :]
        key = next((candidate for candidate in self.keys if _kid(candidate) == kid), None)
        if key is None:
            raise refusals.database.SECRET_KEY_MISSING(kid=kid.decode("ascii", "replace"))
        nonce, data = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, data, _MARK + kid)
        except (InvalidTag, ValueError) as error:
            raise refusals.database.SECRET_DAMAGED(kid=kid.decode()) from error

    def seal_text(self, value: str | None) -> str | None:
        """Like :meth:`seal`, for a column of texts."""
        if value is None or not self.keys:
            return value
        return _MARK.decode() + base64.b64encode(self.seal(value.encode())).decode()

    def open_text(self, stored: str | None) -> str | None:
        """Like :meth:`open`, for a column of texts."""
        if stored is None or not stored.startswith(_MARK.decode()):
            return stored
        try:
            sealed = base64.b64decode(stored[len(_MARK) :], validate=True)
        except binascii.Error as error:
            raise refusals.database.SECRET_DAMAGED(kid="unknown") from error
        return self.open(sealed).decode()


PLAIN = SecretBox()
"""Without a key: values are stored as they are."""


def _kid(key: bytes) -> bytes:
    return sha256(b"ferryman secret key\0" + key).hexdigest()[:_KID_DIGITS].encode()


def read_keys(
    given: str | None, file: Path | None, refusal: Refusal[ConfigError]
) -> tuple[bytes, ...]:
    """Read keys of the settings: one key, or a file with one in each line, or none of both.

    Raises ``refusal`` for anything else.
    """
    if given is not None and file is not None:
        raise refusal(found="both a key and a file")
    text = given
    if file is not None:
        try:
            text = file.read_text()
        except OSError as error:
            raise refusal(found=f"{file}: {error}") from error
        except UnicodeDecodeError as error:  # whose text names a byte of the key
            raise refusal(found=f"{file}: bytes that are not UTF-8") from error
    if text is None:
        return ()
    keys = tuple(_key(line, refusal) for line in text.split())
    if not keys:
        raise refusal(found="no key")
    return keys


def _key(line: str, refusal: Refusal[ConfigError]) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except ValueError as error:  # also of characters that are not ASCII
        raise refusal(found="a line that is not base64") from error
    if len(key) != _KEY_BYTES:
        raise refusal(found=f"a key of {len(key)} bytes")
    return key

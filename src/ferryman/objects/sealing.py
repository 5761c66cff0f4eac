"""Encrypt files in chunks that can be read alone, but not moved, cut or exchanged (ADR 0123).

The construction is that of streaming AEAD in Tink (AES256-GCM-HKDF), an instance of STREAM (Hoang,
Reyhanitabar, Rogaway and Vizár, 2015). A file has a key of its own, derived by HKDF from one of the
operator's keys, a random salt and the ``context``, which says what the file is. A chunk's nonce has
a random prefix of the file, the chunk's number, and whether it is the last: chunks in another
order, of another file, or fewer of them do not open.

    mark 8 | key id 8 | salt 32 | nonce prefix 7 | chunks of 65,536 bytes, each with a tag of 16
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ferryman import refusals
from ferryman.ids import new_nonce
from ferryman.secret_box import read_keys

CHUNK = 64 << 10
"""Plain bytes of a chunk; only the last one is shorter, and empty only in an empty file."""

TAG = 16
_MARK = b"FERRYMN1"
_KID = 8
_SALT = 32
_PREFIX = 7
HEADER = len(_MARK) + _KID + _SALT + _PREFIX


@dataclass(frozen=True, slots=True, repr=False)
class ObjectKeys:
    """The keys of an operator: the first one encrypts, all of them decrypt."""

    keys: Sequence[bytes] = ()

    @classmethod
    def of(cls, given: str | None, file: Path | None) -> Self:
        """Read the keys of the settings; raise ``ConfigError`` (``object_key_invalid``)."""
        return cls(read_keys(given, file, refusals.object_store.KEY_INVALID))

    def __bool__(self) -> bool:
        """Return whether new files are encrypted."""
        return bool(self.keys)

    @property
    def kids(self) -> list[str]:
        """Return the ids of the keys, that of the one that encrypts first."""
        return [_kid(key).hex() for key in self.keys]

    def begin(self, context: bytes) -> tuple[bytes, "ChunkCipher"]:
        """Return the header of a new file, and what encrypts its chunks."""
        header = _MARK + _kid(self.keys[0]) + new_nonce(_SALT + _PREFIX)
        return header, ChunkCipher(self.keys[0], header, context)

    def cipher(self, header: bytes, context: bytes, name: str) -> "ChunkCipher":
        """Return what decrypts the chunks of a file called ``name``.

        Raises ``OutsideError``: ``object_key_missing``, or ``store_damaged`` for anything but a
        header.
        """
        kid = kid_of(header)
        if kid is None:
            raise refusals.object_store.DAMAGED_SEALED(file=name)
        for key in self.keys:
            if _kid(key).hex() == kid:
                return ChunkCipher(key, header, context)
        raise refusals.object_store.KEY_OF_FILE_MISSING(kid=kid)


NO_KEYS = ObjectKeys()
"""Without a key: files are stored as they come."""


class ChunkCipher:
    """Encrypts and decrypts the chunks of one file, in any order."""

    def __init__(self, key: bytes, header: bytes, context: bytes) -> None:
        start = len(_MARK) + _KID
        salt, self._prefix = header[start : start + _SALT], header[start + _SALT :]
        derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=header[:start] + context)
        self._aes = AESGCM(derived.derive(key))

    def seal(self, number: int, chunk: bytes | memoryview, *, last: bool) -> bytes:
        """Return a chunk with its tag; numbers begin with 0, and each is used once."""
        return self._aes.encrypt(self._nonce(number, last=last), chunk, None)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes | None:
        """Return the bytes of a chunk, or None if it is not that chunk of this file."""
        try:
            return self._aes.decrypt(self._nonce(number, last=last), sealed, None)
        except InvalidTag:
            return None

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4) + bytes([last])


def kid_of(header: bytes) -> str | None:
    """Return the id of the key that encrypted a file; None if this is no header."""
    if len(header) != HEADER or not header.startswith(_MARK):
        return None
    return header[len(_MARK) :][:_KID].hex()


def sealed_size(size: int) -> int:
    """Return the bytes on disk of a file of ``size`` bytes."""
    return HEADER + size + TAG * chunk_count(size)


def chunk_count(size: int) -> int:
    """Return how many chunks a file of ``size`` bytes has."""
    return max(1, -(-size // CHUNK))


def plain_size(sealed: int) -> int | None:
    """Return the bytes of a file that takes ``sealed`` bytes on disk; None if none does."""
    body = sealed - HEADER
    size = body - TAG * -(-body // (CHUNK + TAG))
    return size if size >= 0 and sealed_size(size) == sealed else None


def _kid(key: bytes) -> bytes:
    return sha256(b"ferryman object key\0" + key).digest()[:_KID]

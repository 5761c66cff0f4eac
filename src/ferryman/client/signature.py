"""Verify RS256 signatures with the standard library: the base install has nothing else.

RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2): the signature to the power of e must be exactly the encoded
digest that the signer must have made. Nothing is parsed out of it, so nothing can be slipped in.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""The DER prefix of a SHA-256 digest."""

_LEAST_BITS = 2048


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA key: modulus and exponent."""

    n: int
    e: int

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Return whether a signature is that of a text."""
        size = (self.n.bit_length() + 7) // 8
        if len(signature) != size:
            return False
        found = pow(int.from_bytes(signature, "big"), self.e, self.n).to_bytes(size, "big")
        digest = _SHA256 + sha256(text).digest()
        return found == b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest


class _Key(msgspec.Struct):
    kid: str
    kty: str
    n: str
    e: str


class _Keys(msgspec.Struct):
    keys: list[_Key]


class _Header(msgspec.Struct):
    alg: str
    kid: str


def read_keys(text: bytes) -> dict[str, PublicKey]:
    """Read a JWK set, by ``kid``; raises ``ValueError`` if it holds no RSA key that is fit."""
    try:
        found = msgspec.json.decode(text, type=_Keys).keys
    except msgspec.DecodeError as fault:
        raise ValueError(f"no JWK set: {fault}") from None
    keys = {}
    for each in found:
        key = PublicKey(_number(each.n), _number(each.e))
        if each.kty != "RSA" or key.n.bit_length() < _LEAST_BITS or key.e < 3 or not key.e % 2:
            raise ValueError(f"the key {each.kid}, which is no RSA key of 2048 bits or more")
        keys[each.kid] = key
    if not keys:
        raise ValueError("no key")
    return keys


def claims_of(token: str, keys: Mapping[str, PublicKey]) -> dict[str, Any]:
    """Return what a token says, and its ``kid``, once its signature holds.

    Raises ``ValueError`` or ``msgspec.DecodeError``.
    """
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    header = msgspec.json.decode(_bytes(head), type=_Header)
    if header.alg != "RS256":
        raise ValueError(f"a signature by {header.alg}")
    key = keys.get(header.kid)
    if key is None:
        known = ", ".join(keys)
        raise ValueError(f"a signature by the key {header.kid}; the given keys are {known}")
    if not key.verifies(signed.encode(), _bytes(signature)):
        raise ValueError(f"a signature that the key {header.kid} did not make")
    return {**msgspec.json.decode(_bytes(body), type=dict[str, Any]), "kid": header.kid}


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a token or key that is not in base64url") from None

"""The digest over the parts of a file, said a second time for the tests."""

from hashlib import sha256


def parts_sha256(data: bytes, part: int) -> str:
    """``partsSha256`` of bytes that were sent in parts of this size."""
    starts = range(0, max(len(data), 1), part)
    return sha256(b"".join(sha256(data[at : at + part]).digest() for at in starts)).hexdigest()

"""Words of Forge's object store (object-store-api)."""

from enum import StrEnum


class ChecksumType(StrEnum):
    """Checksums that an app may give with an object."""

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    CRC32 = "CRC32"
    CRC32C = "CRC32C"

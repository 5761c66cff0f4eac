"""What `@forge/object-store` sends and accepts (object-store-api). Unknown members are ignored."""

from msgspec import UNSET, Struct, UnsetType

from ferryman.object_vocab import ChecksumType


class ObjectCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """A key, in the bucket of ``cdn`` or the other one, and how long a URL is to last."""

    key: str
    cdn: bool = False
    ttl_seconds: float | None = None


class UploadCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object that the app will send; ``checksum`` is in base64."""

    key: str
    length: int
    checksum: str
    checksum_type: ChecksumType
    ttl_seconds: float | None = None
    overwrite: bool = True
    cdn: bool = False


class ObjectUrl(Struct, frozen=True, kw_only=True):
    """A signed URL."""

    url: str


class ObjectMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A complete object; ``created_at`` is of ISO 8601."""

    key: str
    checksum: str
    size: int
    created_at: str
    content_type: str


class ObjectProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as the package reads it."""

    code: str
    message: str
    suggestion: str | UnsetType = UNSET

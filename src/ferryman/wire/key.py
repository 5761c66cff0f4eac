"""The signing keys of the platform (admin surface). Times are epoch milliseconds."""

from ferryman.wire.base import Wire


class KeyRotation(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/keys/rotate``; ``grace_seconds`` is how long the old key counts."""

    grace_seconds: int = 7200


class KeyView(Wire, frozen=True):
    """A signing key by its ``kid``; the one that ``signs`` does not expire."""

    kid: str
    signs: bool
    expires_at: int | None


class KeySet(Wire, frozen=True):
    """The keys whose signatures count, the one that signs first."""

    keys: list[KeyView]


class SealedSecrets(Wire, frozen=True):
    """How many stored secrets there are; ``encrypted``: with the first key of the settings."""

    secrets: int
    encrypted: bool

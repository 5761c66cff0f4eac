"""The signing keys, for admins."""

from litestar import get, post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, OwnPlatform
from ferryman.services import signing_key
from ferryman.wire.key import KeyRotation, KeySet, SealedSecrets


@get("/keys")
async def list_signing_keys(platform: OwnPlatform) -> KeySet:
    """List the keys whose signatures are accepted, without their private parts."""
    return await signing_key.view(platform)


@post("/keys/rotate", status_code=200)
async def rotate_signing_key(
    platform: OwnPlatform, actor: Author, data: JSONBody[KeyRotation]
) -> KeySet:
    """Sign with a new key within 5 seconds; the old key is accepted for a grace period."""
    return await signing_key.rotate(platform, data, actor)


@post("/keys/seal", status_code=200)
async def seal_secrets(platform: OwnPlatform, actor: Author) -> SealedSecrets:
    """Encrypt all stored secrets again with the first key of the settings."""
    return await signing_key.seal_again(platform, actor)

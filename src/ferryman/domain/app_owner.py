"""The parts of a registration that an app's owner may not change (ADR 0062).

They decide what of the platform, its machine and other apps the app gets to see.
"""

from collections.abc import Mapping

from ferryman import refusals
from ferryman.domain.access import Reach

FIXED = ("server_app_key", "forge_app_id", "source", "access_scopes")


def check_registration(
    reach: Reach, key: str, before: Mapping[str, object] | None, after: Mapping[str, object]
) -> None:
    """Refuse a new app, another owner's app, and a change of a fixed field to an app's owner.

    Raises :class:`NotFound` for an app that the caller may not see, and :class:`NotAllowed`
    (``app_owner_limited``).
    """
    if reach.apps is None:
        return
    if not reach.has_app(key):
        raise refusals.app.NOT_FOUND(id=key)
    changed = [name for name in FIXED if before is None or before[name] != after[name]]
    if changed:
        found = "no such app" if before is None else f"another {', '.join(changed)}"
        raise refusals.app.OWNER_LIMITED(fields=", ".join(FIXED), found=found)

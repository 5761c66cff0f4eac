"""Settings of one identity provider."""

from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.domain.person import GroupGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One identity provider, and the rights of the groups that it vouches for.

    ``base_url`` is where browsers reach the platform.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    scopes: str
    claim: str
    roles: Mapping[str, GroupGrant]
    base_url: str

    @property
    def redirect_uri(self) -> str:
        """Return where the provider sends browsers back to."""
        return f"{self.base_url}/console/signed-in"

"""Settings of the console: who signs in by an identity provider, and what customers see."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ferryman.domain.person import GroupGrant
from ferryman.vocab import Role


def checked_url(url: str | None) -> str | None:
    """Refuse what no app could call: another scheme, no host, or a query."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(
            f"expected an address such as https://ferryman.example; found {url!r:.120}"
        )
    return url


def _checked_issuer(url: str | None) -> str | None:
    """Refuse an issuer that a network between could pretend to be."""
    parts = urlsplit(checked_url(url) or "")
    if url is not None and parts.scheme != "https":
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not loopback:
            raise ValueError(f"expected https, or http on this machine; found {url!r:.120}")
    return url


def _checked_grants(grants: dict[str, GroupGrant]) -> dict[str, GroupGrant]:
    """Refuse a role that no person has, and limits that a token of the role could not have."""
    for group, grant in grants.items():
        limited = grant.role in (Role.VIEWER, Role.OPERATOR)
        owner = grant.role is Role.APP_OWNER
        if grant.role is Role.METRICS or (grant.customers is not None and not limited):
            raise ValueError(f"{group!r:.80}: viewers and operators alone may have customers")
        if owner != bool(grant.apps) or grant.customers == ():
            raise ValueError(f"{group!r:.80}: app-owners, and no others, have apps")
    return grants


def _known_members(grant: object) -> object:
    """Refuse a member that is misspelt: no limit would come of it, instead of the one meant."""
    unknown = {*grant} - {"role", "customers", "apps"} if isinstance(grant, dict) else set()
    if unknown:
        raise ValueError(f"expected role, customers and apps; found {sorted(unknown)!r:.120}")
    return grant


_Grant = Annotated[GroupGrant, BeforeValidator(_known_members)]


class SignInSettings(BaseSettings):
    """A part of the settings; see ``config.Settings``."""

    model_config = SettingsConfigDict(env_prefix="FERRYMAN_", extra="ignore", frozen=True)

    oidc_issuer: Annotated[str | None, AfterValidator(_checked_issuer)] = Field(
        None,
        description="OpenID Connect provider by which people sign in to the console, exactly as it "
        "names itself; https, or http on this machine",
    )
    oidc_client_id: str | None = Field(
        None, min_length=1, description="id of the client that the provider has for the console"
    )
    oidc_client_secret: str | None = Field(
        None, min_length=1, repr=False, description="its secret; none for a public client"
    )
    oidc_scopes: str = Field(
        "openid email profile",
        pattern="^(.* )?openid( .*)?$",
        description="what the provider is asked for; some tell groups only with `groups` here",
    )
    oidc_claim: str = Field(
        "groups",
        min_length=1,
        description="claim with a person's groups; dots lead inwards, as in `realm_access.roles`",
    )
    oidc_roles: Annotated[dict[str, _Grant], AfterValidator(_checked_grants)] = Field(
        {},
        description="what groups may do, as JSON: "
        '`{"GROUP": {"role": "viewer", "customers": ["acme"]}}`; roles and limits are those of '
        "tokens. Others get no session",
    )

    console_read_only: bool = Field(
        default=False,
        description="show the console without anything that changes something, and refuse it "
        "there whatever the role; the API and the command line stay as they are",
    )
    brand_name: str = Field(
        "Ferryman",
        min_length=1,
        max_length=100,
        description="name on the page that a customer's people see of their migration",
    )
    brand_color: str = Field(
        "#12617c", pattern="^#[0-9a-fA-F]{6}$", description="colour of that page, as `#12617c`"
    )
    brand_logo: Path | None = Field(
        None, description="file with the logo on that page: PNG, JPEG or SVG"
    )

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        """Refuse an issuer without a client, or without anybody who may sign in."""
        given = [self.oidc_issuer is not None, self.oidc_client_id is not None, self.oidc_roles]
        if any(given) and not all(given):
            raise ValueError("set FERRYMAN_OIDC_ISSUER, _CLIENT_ID and _ROLES together, or none")
        return self

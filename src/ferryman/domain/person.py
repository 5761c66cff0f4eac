"""Derive the rights of a person from the groups in their identity provider's claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman import refusals
from ferryman.domain.access import Actor, Reach
from ferryman.vocab import Role

_MIGHT = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.APP_OWNER)
"""Roles of people, the most powerful ones first."""

_NAME_CHARACTERS = 100
_SUBJECT_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupGrant:
    """Role and limits of the members of a group; None: not limited to some customers or apps."""

    role: Role
    customers: tuple[str, ...] | None = None
    apps: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person whom an identity provider vouched for, with their rights.

    ``subject`` identifies them at the ``issuer`` and never changes; ``name`` is for display.
    ``provider_session`` names the sign-in at the provider, if it gives one.
    """

    issuer: str
    subject: str
    name: str
    role: Role
    customers: list[str] | None = None
    apps: list[str] | None = None
    provider_session: str | None = None

    @property
    def actor(self) -> Actor:
        """Return them as the caller of the admin surface.

        No token can have such a name, as names of tokens have no parentheses.
        """
        return Actor(
            name=f"{self.name} ({self.subject})",
            role=self.role,
            reach=Reach(_tuple(self.customers), _tuple(self.apps)),
        )


def person_of(
    claims: Mapping[str, object], grants: Mapping[str, GroupGrant], claim: str, issuer: str
) -> Person:
    """Return who the claims of a checked id token are about, and what their groups grant.

    Of several roles the one counts that may do most, with the customers or apps of all groups that
    grant it. Raises :class:`NotAllowed` (``no_role_granted``) if no group grants one.
    """
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= _SUBJECT_CHARACTERS
        or not subject.isprintable()
    ):
        raise refusals.sign_in.CLAIM_MISSING(claim="sub")
    groups = groups_of(claims, claim)
    granted = [grants[group] for group in groups if group in grants]
    if not granted:
        raise refusals.sign_in.NO_ROLE_GRANTED(
            claim=claim, found=", ".join(map(repr, groups)) or "no group"
        )
    role = next(role for role in _MIGHT if any(grant.role is role for grant in granted))
    same = [grant for grant in granted if grant.role is role]
    session = claims.get("sid")
    return Person(
        issuer=issuer,
        subject=subject,
        name=_name(claims, subject),
        role=role,
        customers=_union([grant.customers for grant in same]),
        apps=_union([grant.apps for grant in same]),
        provider_session=session if isinstance(session, str) else None,
    )


def groups_of(claims: Mapping[str, object], claim: str) -> list[str]:
    """Return the groups in a claim: a text or a list of texts.

    A name with dots that is no claim itself is a path, such as ``realm_access.roles``.
    """
    value: object = claims.get(claim)
    if value is None and "." in claim:
        value = claims
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _name(claims: Mapping[str, object], subject: str) -> str:
    for claim in ("email", "preferred_username", "name"):
        value = claims.get(claim)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:_NAME_CHARACTERS]
    return subject[:_NAME_CHARACTERS]


def _union(limits: Sequence[tuple[str, ...] | None]) -> list[str] | None:
    if any(limit is None for limit in limits):
        return None
    return sorted({each for limit in limits for each in limit or ()})


def _tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)

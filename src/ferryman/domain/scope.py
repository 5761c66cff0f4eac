"""Data access scopes that calls need (access-scopes)."""

from collections.abc import Iterable, Sequence

from ferryman import refusals
from ferryman.vocab import AccessScope

APP_DATA = tuple(scope for scope in AccessScope if scope.startswith("APP_DATA_"))
"""Scopes for app data. Only the app knows what its data contains, so any one of them suffices."""


def mapping_scope(namespace: str) -> AccessScope:
    """Return the scope of a namespace: identity for ``identity:…``, product data for all others.

    The page names ``jira…`` and ``confluence…`` for product data. Other products are treated alike,
    so that no namespace is open to an app that declares nothing.
    """
    family = namespace.partition(":")[0].partition("/")[0]
    if family == "identity":
        return AccessScope.MIGRATION_TRACING_IDENTITY
    return AccessScope.MIGRATION_TRACING_PRODUCT


def check_mapping(scopes: Sequence[str], namespace: str) -> None:
    """Refuse reading mappings of a namespace without its scope.

    Raises :class:`NotAllowed` (``access_scope_missing``).
    """
    scope = mapping_scope(namespace)
    if scope not in scopes:
        raise refusals.access.SCOPE_MISSING_FOR_MAPPINGS(
            scope=scope, namespace=namespace, found=", ".join(scopes) or "no scopes"
        )


def check_app_data(scopes: Sequence[str]) -> None:
    """Refuse exporting or reading app data without any app-data scope.

    Raises :class:`NotAllowed` (``access_scope_missing``).
    """
    if not set(scopes) & set(APP_DATA):
        raise refusals.access.SCOPE_MISSING_FOR_APP_DATA(
            known=", ".join(APP_DATA), found=", ".join(scopes) or "no scopes"
        )


def check_known(scopes: Iterable[str]) -> None:
    """Refuse unknown scopes; raises :class:`Invalid` (``access_scope_unknown``)."""
    if unknown := sorted(set(scopes) - set(AccessScope)):
        raise refusals.access.SCOPE_UNKNOWN(
            known=", ".join(AccessScope), found=", ".join(map(ascii, unknown))
        )


def check_declared(declared: Iterable[str], registered: Sequence[str]) -> None:
    """Refuse a listener that declares more scopes than its app was registered with.

    Raises :class:`NotAllowed` (``access_scope_not_registered``).
    """
    names = set(declared)
    check_known(names)
    if wider := sorted(names - set(registered)):
        raise refusals.access.SCOPE_NOT_REGISTERED(
            registered=", ".join(registered) or "none", found=", ".join(wider)
        )


def effective(registered: Sequence[str], declared: Sequence[str] | None) -> list[str]:
    """Return a transfer's scopes: those declared for it, never wider than the registration."""
    return [scope for scope in registered if declared is None or scope in declared]

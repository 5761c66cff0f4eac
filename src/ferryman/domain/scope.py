"""Which data access scope a call needs (access-scopes)."""

from collections.abc import Iterable, Sequence

from ferryman.errors import Invalid, NotAllowed
from ferryman.vocab import AccessScope

APP_DATA = tuple(scope for scope in AccessScope if scope.startswith("APP_DATA_"))
"""What app data holds is the app's to know, so any one of them opens it."""


def mapping_scope(namespace: str) -> AccessScope:
    """The scope that opens a namespace: ``identity:…`` traces people, all others product data.

    The page names ``jira…`` and ``confluence…`` for the second. Products with other names are
    taken as those are, so that no namespace is open to an app that declares nothing.
    """
    family = namespace.partition(":")[0].partition("/")[0]
    if family == "identity":
        return AccessScope.MIGRATION_TRACING_IDENTITY
    return AccessScope.MIGRATION_TRACING_PRODUCT


def check_mapping(scopes: Sequence[str], namespace: str) -> None:
    """Refuse reading mappings of a namespace whose scope is missing."""
    scope = mapping_scope(namespace)
    if scope not in scopes:
        raise _missing(f"the scope {scope}, for mappings of {namespace[:80]!r}", scopes)


def check_app_data(scopes: Sequence[str]) -> None:
    """Refuse exporting or reading app data without any scope for it."""
    if not set(scopes) & set(APP_DATA):
        raise _missing(f"one of the scopes {', '.join(APP_DATA)}, for app data", scopes)


def check_known(scopes: Iterable[str]) -> None:
    """Refuse names that are no scopes."""
    if unknown := sorted(set(scopes) - set(AccessScope)):
        raise Invalid(
            "access_scope_unknown",
            expected="scopes out of " + ", ".join(AccessScope),
            found=", ".join(map(ascii, unknown))[:200],
            fix="Correct the spelling, or leave accessScopes out for all of them.",
        )


def check_declared(declared: Iterable[str], registered: Sequence[str]) -> None:
    """Refuse a listener that declares more than its app was registered with."""
    wanted = set(declared)
    check_known(wanted)
    if wider := sorted(wanted - set(registered)):
        raise NotAllowed(
            "access_scope_not_registered",
            expected="scopes of the app's registration: " + (", ".join(registered) or "none"),
            found=", ".join(wider),
            fix="Take them out of the listener's get_data_access_scopes(), or register the app "
            "again with them in accessScopes.",
        )


def effective(registered: Sequence[str], declared: Sequence[str] | None) -> list[str]:
    """What a transfer may do: what was declared for it, never wider than the registration."""
    return [scope for scope in registered if declared is None or scope in declared]


def _missing(expected: str, scopes: Sequence[str]) -> NotAllowed:
    return NotAllowed(
        "access_scope_missing",
        expected=expected,
        found=", ".join(scopes) or "no scopes",
        fix="Add it to the listener's get_data_access_scopes(), or, where the listener declares "
        "none, register the app again with it in accessScopes.",
    )

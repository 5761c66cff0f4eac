"""Every refusal: a stable code, what was expected, what was found and what to do.

Rules know no HTTP; ``api/problems.py`` holds the one table from class to status.
"""


class PlatformError(Exception):
    """Base of everything the platform raises on purpose.

    ``code`` is stable and may be relied on by programs; the three sentences are for people.
    They never hold a secret or the content of app data.
    """

    def __init__(self, code: str, *, expected: str, found: str, fix: str) -> None:
        self.code = code
        self.expected = expected
        self.found = found
        self.fix = fix
        super().__init__(f"{code}: expected {expected}; found {found}. {fix}")


class RuleError(PlatformError):
    """The caller may not do this; trying again unchanged gives the same answer."""


class NotFound(RuleError):
    """No such thing, or it is another app's: the two look exactly alike."""


class NotAuthenticated(RuleError):
    """The credentials are missing, unknown, expired or for another surface."""


class NotAllowed(RuleError):
    """The caller is known and may not do this."""


class Invalid(RuleError):
    """The request does not have the form that the call needs."""


class LimitExceeded(RuleError):
    """Well-formed, but larger than a limit of the platform."""


class RateLimited(RuleError):
    """Too many calls in a short time; trying again after ``retry_after`` seconds is right."""

    def __init__(self, code: str, *, expected: str, found: str, fix: str, retry_after: int) -> None:
        super().__init__(code, expected=expected, found=found, fix=fix)
        self.retry_after = retry_after


class Conflict(RuleError):
    """Not in this state of the thing addressed."""


class Settled(Conflict):
    """The transfer has its final status and takes no more calls."""


class Expired(RuleError):
    """It was possible once; its time is over."""


class OutsideError(PlatformError):
    """Not the caller's fault: a part the platform relies on did not answer."""


class ConfigError(PlatformError):
    """A setting or an app's definition is wrong; nothing was started or changed."""


def not_found(noun: str, identifier: object) -> NotFound:
    """The one answer for an unknown, malformed or foreign id of ``noun``."""
    return NotFound(
        f"{noun.replace(' ', '_')}_not_found",
        expected=f"an existing {noun} that this token may see",
        found=f"{str(identifier)[:64]!r}",
        fix="Take the id from the answer or event that announced it; "
        "the token of an app sees that app's things only.",
    )

"""The classes of refusals, as a tree.

PlatformError
  x RuleError            the caller has to change something
    + NotFound           404
    + NotAuthenticated   401
    + NotAllowed         403
    + Invalid            400
    + LimitExceeded      400
    + RateLimited        429
    + Conflict           409
      + Settled          409
    + Expired            410
  + OutsideError         503  a part the platform relies on failed
  + ConfigError               a setting or an app's definition is wrong; nothing was started

``x`` marks a class that is only caught, ``+`` one that is raised. Do not build an error by hand:
``ferryman.refusals`` has a row for each code, with its class and its sentences. Rules know no HTTP;
``api/problem_documents.py`` maps a class to its status.
"""

from typing import Self, TypeVar

T = TypeVar("T")


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
    """Too many calls in a short time; the call may be repeated after ``retry_after`` seconds."""

    retry_after: int = 1

    def after(self, seconds: int) -> Self:
        """Return the same error, with the seconds that the caller has to wait."""
        self.retry_after = seconds
        return self


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


def value_or_raise(answer: T | Exception) -> T:
    """Return one of a batch's answers; raise it if it is what refuses.

    Keep no name for it: a frame that holds the error which it raises is a cycle, and only the
    garbage collector frees that.
    """
    if isinstance(answer, Exception):
        try:
            raise answer
        finally:
            del answer
    return answer

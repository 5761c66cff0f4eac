"""The console's own call."""

from ferryman.wire.base import Wire


class SignInLink(Wire, frozen=True):
    """Response of ``POST /console/links``: a page, from the platform's address.

    It signs in whoever opens it first, with the token of the call, within 30 minutes.
    """

    path: str

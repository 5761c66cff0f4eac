"""What goes with an event to a container service, and the header of the service's own calls.

Forge's public pages show the header as ``forge-proxy-authorization: Forge as=app,id=ID``, ID being
the ``x-forge-invocation-id`` that came with the event. Its full format is not published (ADR 110).
"""

import re

from ferryman import refusals

INVOCATION_ID = "x-forge-invocation-id"
SIDECAR_TOKEN = "x-ferryman-sidecar-token"  # noqa: S105 - the name of a header
"""The app's token for the calls of this event; the proxy beside the service takes it out."""

AUTHORIZATION = "forge-proxy-authorization"

_PARAMETER = re.compile(r"([A-Za-z]+)=([^\s,=]+)")
_LONGEST = 200


def invocation_of(header: str | None) -> str:
    """Return the invocation id of a service's call; raise ``NotAuthenticated`` or ``Invalid``.

    The error names the parameters that were found, but no values: they may be secrets.
    """
    if header is None:
        raise refusals.service.AUTHORIZATION_MISSING()
    scheme, _, rest = header.strip().partition(" ")
    found = [_PARAMETER.fullmatch(part.strip()) for part in rest.split(",")]
    if scheme.lower() != "forge" or len(header) > _LONGEST or None in found:
        raise refusals.service.AUTHORIZATION_MALFORMED(found="another form")
    values = {each[1]: each[2] for each in found if each is not None}
    if len(values) != len(found):
        raise refusals.service.AUTHORIZATION_MALFORMED(found="a parameter twice")
    if values.get("as") != "app":
        who = "as=user" if values.get("as") == "user" else "no as=app"
        raise refusals.service.AUTHORIZATION_UNSUPPORTED(found=who)
    if values.keys() != {"as", "id"}:
        names = ", ".join(sorted(values))
        raise refusals.service.AUTHORIZATION_UNSUPPORTED(found=f"the parameters {names}")
    return values["id"]

"""Answers that are neither the platform's nor an object store's: something between gave them."""

from typing import NamedTuple


class Between(NamedTuple):
    """What was expected of what is between, and what to do."""

    expected: str
    fix: str


_LIMIT = (
    "Raise the limit of request bodies at the proxy before the platform or the object store: "
    "client_max_body_size 0 (nginx), the annotation proxy-body-size (ingress-nginx), "
    "LimitRequestBody 0 (Apache httpd), maxRequestBodyBytes (Traefik). Parts have up to 1 GiB, "
    "and a load of mappings has any size."
)
_GATEWAY = (
    "Check that the platform runs, and the address and the timeouts that the proxy has for it."
)
_ANSWERS = {
    407: Between(
        "a forward proxy that lets the request pass",
        "Give the proxy's user and password in HTTPS_PROXY, or name the host in NO_PROXY.",
    ),
    413: Between("a proxy that passes a body of this size on", _LIMIT),
    502: Between("a proxy that reaches the platform", _GATEWAY),
    503: Between("a proxy that reaches the platform", _GATEWAY),
    504: Between("a proxy that reaches the platform in time", _GATEWAY),
}


def read_between(status: int) -> Between | None:
    """What to do about ``status`` of an answer without a problem document, if that is known."""
    return _ANSWERS.get(status)

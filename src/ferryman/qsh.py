"""The query-string hash that binds a Connect token to one request (source: connect-jwt).

It covers ``METHOD&path&query``. The path is the request's own without the context path; the query
is put into one canonical form, so that both sides hash the same whatever wrote the URL.
"""

from hashlib import sha256
from urllib.parse import quote_from_bytes, unquote_to_bytes

CONTEXT_PATH = "/wiki"
"""Confluence answers behind it, and the hash leaves it out."""


def query_string_hash(method: str, path: str, query: str, context: str = CONTEXT_PATH) -> str:
    """The ``qsh`` of a request, from its path and query exactly as they go over the wire.

    ``context`` is the path that the receiver answers behind, if any.
    """
    return sha256(canonical_request(method, path, query, context).encode()).hexdigest()


def canonical_request(method: str, path: str, query: str, context: str = CONTEXT_PATH) -> str:
    """What is hashed: the method in capitals, the canonical path and the canonical query."""
    return f"{method.upper()}&{canonical_path(path, context)}&{canonical_query(query)}"


def canonical_path(path: str, context: str = CONTEXT_PATH) -> str:
    """Begins with a slash, ends without one, and holds no ``&``, which separates the parts."""
    if context and (path == context or path.startswith(f"{context}/")):
        path = path[len(context) :]
    return "/" + path.strip("/").replace("&", "%26")


def canonical_query(query: str) -> str:
    """Parameters sorted by name; values of one name sorted and joined by commas; no ``jwt``."""
    values: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair and (name := _encoded(name)) != "jwt":
            values.setdefault(name, []).append(_encoded(value))
    return "&".join(f"{name}={','.join(sorted(found))}" for name, found in sorted(values.items()))


def _encoded(text: str) -> str:
    """Percent-encoded anew: all but letters, digits and ``-._~``; a plus is a space."""
    return quote_from_bytes(unquote_to_bytes(text.replace("+", " ")), safe="~")

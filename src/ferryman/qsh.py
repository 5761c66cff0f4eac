"""The query-string hash that binds a Connect token to one request (source: connect-jwt).

It covers ``METHOD&path&query``. The path excludes the context path; the query is put into a
canonical form, so that both sides compute the same hash however the URL was written.
"""

from hashlib import sha256
from urllib.parse import quote_from_bytes, unquote_to_bytes

CONTEXT_PATH = "/wiki"
"""The path below which Confluence answers; the hash excludes it."""


def query_string_hash(method: str, path: str, query: str, context: str = CONTEXT_PATH) -> str:
    """Return the ``qsh`` of a request, from path and query exactly as they go over the wire.

    ``context`` is the path below which the receiver answers, if any.
    """
    return sha256(canonical_request(method, path, query, context).encode()).hexdigest()


def canonical_request(method: str, path: str, query: str, context: str = CONTEXT_PATH) -> str:
    """Return the hashed text: method in capitals, canonical path and canonical query."""
    return f"{method.upper()}&{canonical_path(path, context)}&{canonical_query(query)}"


def canonical_path(path: str, context: str = CONTEXT_PATH) -> str:
    """Return the path with a leading slash, without a trailing one, and with ``&`` escaped."""
    if context and (path == context or path.startswith(f"{context}/")):
        path = path[len(context) :]
    return "/" + path.strip("/").replace("&", "%26")


def canonical_query(query: str) -> str:
    """Return parameters sorted by name, repeated ones joined by commas, without ``jwt``."""
    values: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair and (name := _encoded(name)) != "jwt":
            values.setdefault(name, []).append(_encoded(value))
    return "&".join(f"{name}={','.join(sorted(texts))}" for name, texts in sorted(values.items()))


def _encoded(text: str) -> str:
    """Re-encode all but letters, digits and ``-._~``; a plus is a space."""
    return quote_from_bytes(unquote_to_bytes(text.replace("+", " ")), safe="~")

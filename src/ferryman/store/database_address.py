"""Database URLs: validated before we connect, and never shown with their password."""

from urllib.parse import parse_qs, urlsplit

from ferryman import refusals

_SCHEMES = ("postgresql", "postgres")

_PARAMETERS = frozenset(
    {"host", "port", "dbname", "database", "user", "password", "passfile", "service"}
    | {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs"}
    | {"krbsrvname", "gsslib", "options", "search_path"}
    | {"application_name"}
)
"""Any other parameter would be sent as a server setting, or be ignored."""


def check_address(url: str) -> None:
    """Refuse a URL that cannot lead to a database.

    Raises :class:`ConfigError` (``database_url_invalid``), which never quotes the credentials.
    """
    try:
        parts = urlsplit(url)
        names = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
        for port in ",".join(names.get("port", ())).split(",") if "port" in names else ():
            int(port)
    except ValueError:
        raise refusals.database.URL_UNREADABLE() from None
    if parts.scheme not in _SCHEMES:
        # Only before :// is the text in front of the first colon certain not to be a secret.
        scheme = f"{parts.scheme}://" if parts.netloc else "no scheme"
        raise refusals.database.URL_SCHEME(found=scheme)
    if parts.fragment or "#" in url:
        raise refusals.database.URL_FRAGMENT()
    if unknown := sorted(names.keys() - _PARAMETERS):
        raise refusals.database.URL_PARAMETER(parameter=unknown[0])


def servers_named(url: str) -> str:
    """Return the hosts and ports in ``url`` without the credentials, for logs."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or ",".join(parse_qs(parts.query).get("host", ()))
    return hosts or "the local socket"

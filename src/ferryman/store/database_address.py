"""The address of a database: checked before anything is sent, and never shown with its password."""

from urllib.parse import parse_qs, urlsplit

from ferryman.errors import ConfigError

_SCHEMES = ("postgresql", "postgres")

_PARAMETERS = frozenset(
    {"host", "port", "dbname", "database", "user", "password", "passfile", "service"}
    | {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs"}
    | {"krbsrvname", "gsslib", "options", "search_path"}
    | {"application_name"}
)
"""Everything else would reach the server as a setting of its own, or mean nothing to it."""


def check_address(url: str) -> None:
    """Refuse an address that cannot lead to a database.

    Raises :class:`ConfigError` (``database_url_invalid``), which tells nothing of the login.
    """
    try:
        parts = urlsplit(url)
        names = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
        for port in ",".join(names.get("port", ())).split(",") if "port" in names else ():
            int(port)
    except ValueError:
        raise _invalid(
            "one that cannot be read",
            "Write signs such as @ : / ? # % of a user or password as %40, %3A, %2F, and so on.",
        ) from None
    if parts.scheme not in _SCHEMES:
        # What is in front of the first colon is no secret only where // follows it.
        scheme = f"{parts.scheme}://" if parts.netloc else "no scheme"
        raise _invalid(scheme, "Begin it with postgresql://, without the name of a driver.")
    if parts.fragment or "#" in url:
        raise _invalid("a # in it", "Write a # of a user or password as %23.")
    if unknown := sorted(names.keys() - _PARAMETERS):
        raise _invalid(
            f"the parameter {unknown[0][:60]}",
            "Leave it out; a setting of the server is given as options=-c%20NAME%3DVALUE.",
        )


def servers_named(url: str) -> str:
    """Hosts and ports that ``url`` names, without its login, for logs."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or ",".join(parse_qs(parts.query).get("host", ()))
    return hosts or "the local socket"


def _invalid(found: str, fix: str) -> ConfigError:
    return ConfigError(
        "database_url_invalid",
        expected="an address postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with parameters "
        "that Ferryman knows",
        found=found,
        fix=fix,
    )

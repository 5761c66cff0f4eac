"""The header that makes a download of what is read, under a name."""

from urllib.parse import quote


def disposition(name: str) -> str:
    """RFC 6266: a plain name for old clients and the exact one for the others; ASCII only."""
    if not name:
        return "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    exact = quote(name, safe="", errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"

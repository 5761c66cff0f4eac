"""Find a platform and its operator token from the folder on this machine."""

from pathlib import Path
from urllib.parse import urlsplit

from ferryman import refusals
from ferryman.sdk.operation import unsendable

URL = "http://127.0.0.1:8400"
DATA_DIR = Path(".ferryman")


def checked(url: str) -> str:
    """Return the URL without a final slash; raises ``ConfigError`` (``url_invalid``)."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(character.isspace() for character in url):
        raise refusals.command.URL_INVALID(example=URL, url=url)
    return url.rstrip("/")


def checked_token(token: str, name: object) -> str:
    """Return a token that a header can carry; ``ConfigError`` (``token_unsendable``) otherwise."""
    if found := unsendable(token):
        raise refusals.network.TOKEN_UNSENDABLE(name=name, found=found)
    return token


def kept_token(data_dir: Path) -> str:
    """Return the operator token in the platform's data folder.

    Raises ``ConfigError``: ``operator_token_missing`` or ``token_unsendable``.
    """
    file = data_dir.expanduser() / "operator-token"
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise refusals.command.OPERATOR_TOKEN_MISSING(file=file, reason=reason) from None
    return checked_token(token, file)

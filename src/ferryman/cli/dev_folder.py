"""What ``ferryman dev`` keeps in the app's folder, for other commands to find."""

import os
import re
from hashlib import sha256
from pathlib import Path

import msgspec

from ferryman.errors import ConfigError
from ferryman.store.place import usable
from ferryman.wire.app import AppCredentials, AppRegistration
from ferryman.wire.base import Wire

FOLDER = ".ferryman"
_FILE = "dev.json"


class Running(Wire, frozen=True):
    """The app that `ferryman dev` runs, and the tokens it was given; kept with mode 0600."""

    url: str
    cloud_app_key: str
    server_app_key: str
    environment: str
    app_id: str
    server_token: str
    cloud_token: str
    shared_secret: str | None = None


def prepare(folder: Path) -> Path:
    """Make the folder, which no version control is to take; its path, without links.

    Where PostgreSQL cannot be started in it, for a sign in the name of a folder on the way, it is
    a link to one of the cache.
    """
    own = folder / FOLDER
    if not own.exists():
        if usable(own):
            own.mkdir(mode=0o700)
        else:
            own.unlink(missing_ok=True)  # a link that leads nowhere
            own.symlink_to(_elsewhere(own), target_is_directory=True)
    (own / ".gitignore").write_text("*\n", encoding="utf-8")
    return own.resolve()


def _elsewhere(own: Path) -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    cache = root / "ferryman" / f"dev-{sha256(str(own).encode()).hexdigest()[:12]}"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cache


def keep(
    data_dir: Path, url: str, registration: AppRegistration, credentials: AppCredentials
) -> Running:
    """Write down what was registered; whole or not at all, as it holds tokens."""
    running = Running(
        url=url,
        cloud_app_key=registration.cloud_app_key,
        server_app_key=registration.server_app_key,
        environment=registration.environment,
        app_id=credentials.app_id,
        server_token=credentials.server_token,
        cloud_token=credentials.cloud_token,
        shared_secret=credentials.shared_secret,
    )
    draft = data_dir / f"{_FILE}.draft"
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(running)))
    draft.replace(data_dir / _FILE)
    return running


def running_app(data_dir: Path) -> Running:
    """The app that runs; raises ``ConfigError`` (``dev_not_running``) if none was registered."""
    file = data_dir.expanduser() / _FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        raise ConfigError(
            "dev_not_running",
            expected=f"an app that `ferryman dev` runs; it is written down in {file}",
            found="none",
            fix="Start `ferryman dev` in the app's folder, and run this there too, or name its "
            "folder .ferryman by --data-dir.",
        ) from None


def url_of(data_dir: Path, otherwise: str) -> str:
    """Where the platform of `ferryman dev` is, if one was started in the folder."""
    try:
        return running_app(data_dir).url
    except ConfigError:
        return otherwise


def default_key(folder: Path) -> str:
    """The key of an app that names none: from its folder."""
    name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-")
    return f"dev.{name or 'app'}"


def end_database(folder: Path, grace: float) -> None:
    """End the embedded database in ``folder``, which outlives a killed platform."""
    import psutil

    from ferryman.cli.children import end

    try:
        first = (folder / "postmaster.pid").read_text().splitlines()[0]
        process = psutil.Process(int(first))
        if "postgres" in process.name():
            end(process, grace)
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        pass

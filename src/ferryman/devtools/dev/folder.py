"""Keep the data in the app's folder by which other commands find ``ferryman dev``."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from ferryman import refusals
from ferryman.devtools.work_folder import end_database
from ferryman.errors import ConfigError
from ferryman.store.socket_path import usable
from ferryman.wire.app import AppCredentials, AppRegistration
from ferryman.wire.base import Wire

FOLDER = ".ferryman"
_FILE = "dev.json"
_LOCK = "dev.lock"
_GRACE_SECONDS = 20.0
# A command that looks whether `dev` runs holds the lock for a moment.
_LOCK_TRIES, _LOCK_PAUSE = 10, 0.05


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


@contextmanager
def held(folder: Path, *, reset: bool) -> Iterator[Path]:
    """Lock the platform's folder in the app's folder; ``reset`` empties it first.

    The data by which other commands find `ferryman dev` is removed at the end. A killed command
    leaves it behind, but without the lock it is ignored.
    """
    own = prepare(folder)
    with (own / _LOCK).open("w") as lock:
        if not _locked(lock):
            raise refusals.definition.DEV_RUNNING(folder=own)
        if reset:
            _empty(own)
        forget(own)
        try:
            yield own
        finally:
            forget(own)


def _locked(lock: IO[str]) -> bool:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE)
        else:
            return True
    return False


def _is_held(data_dir: Path) -> bool:
    try:
        with (data_dir / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _empty(own: Path) -> None:
    """Delete what was kept, after ending processes of a killed run that use it."""
    from ferryman.devtools.processes import Children
    from ferryman.devtools.services.program import end_left

    end_left(own / "processes")
    with Children(own / "processes"):
        pass
    end_database(own / "postgres", _GRACE_SECONDS)
    for path in own.iterdir():
        if path.name in (_LOCK, ".gitignore"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def forget(data_dir: Path) -> None:
    """Remove the data by which other commands find the app."""
    (data_dir / _FILE).unlink(missing_ok=True)


def prepare(folder: Path) -> Path:
    """Create the folder, hidden from version control, and return its path without links.

    If PostgreSQL cannot start there, because of a character in the path, the folder is a link to
    one in the cache.
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
    """Write the registration to its file atomically, as it holds tokens."""
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
    """Return the running app; raises ``ConfigError`` (``dev_not_running``) if there is none."""
    folder = data_dir.expanduser()
    file = folder / _FILE
    found = "none"
    try:
        running = msgspec.json.decode(file.read_bytes(), type=Running)
        if _is_held(folder):
            return running
        found = "one that was killed"
    except (OSError, msgspec.DecodeError):
        pass
    raise refusals.definition.DEV_NOT_RUNNING(file=file, found=found)


def url_of(data_dir: Path, otherwise: str) -> str:
    """Return the URL of the platform of `ferryman dev`, if it was started in the folder."""
    try:
        return running_app(data_dir).url
    except ConfigError:
        return otherwise


def default_key(folder: Path) -> str:
    """Derive a key from the folder, for an app that names none."""
    name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-")
    return f"dev.{name or 'app'}"

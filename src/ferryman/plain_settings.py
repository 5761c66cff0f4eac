"""Settings in a process that is given them read and checked, and so needs nothing that reads them.

What reads and checks settings takes an eighth of all that an API process would import.
"""

import os
import pickle
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ferryman.network.proxies import Proxies

if TYPE_CHECKING:
    from ferryman.config import Settings


class DerivedSettings:
    """What follows from settings."""

    if TYPE_CHECKING:
        host: str
        port: int
        tls_cert: Path | None
        public_url: str | None
        private_addresses: str
        remote_proxy: str
        window_seconds: float
        function_folders: str

    @property
    def base_url(self) -> str:
        """Return the URL at which apps reach the platform, without a trailing slash."""
        scheme = "http" if self.tls_cert is None else "https"
        return (self.public_url or f"{scheme}://{self.host}:{self.port}").rstrip("/")

    @property
    def posts_to_private_addresses(self) -> bool:
        """Return whether apps may name addresses on this machine and its networks."""
        if self.private_addresses != "auto":
            return self.private_addresses == "allow"
        return self.public_url is None and self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def proxies(self) -> Proxies | None:
        """Return the proxies for posts to apps; None if they go directly."""
        return None if self.remote_proxy == "none" else Proxies.from_environment(os.environ)

    @property
    def window(self) -> timedelta:
        """Return the acknowledgement window as a duration."""
        return timedelta(seconds=self.window_seconds)

    def function_folder(self, cloud_app_key: str, source: Path) -> Path | None:
        """Return the folder that an app's functions may write to, if any."""
        given = dict(
            each.strip().split("=", 1) for each in self.function_folders.split(",") if each
        )
        folder = given.get(cloud_app_key, given.get("*"))
        return None if folder is None else source / folder


class _PlainSettings(DerivedSettings):
    """The values of ``config.Settings`` alone."""

    def __init__(self, values: Mapping[str, object]) -> None:
        vars(self).update(values)


def packed(settings: "Settings") -> bytes:
    """Return settings for another process of ours; they hold secrets."""
    return pickle.dumps(dict(settings))


def unpacked(values: bytes) -> "Settings":
    """Return the settings that a process of ours packed, which can be read but not copied."""
    # From our own supervisor, by a pipe that nobody else has.
    return cast("Settings", _PlainSettings(pickle.loads(values)))  # noqa: S301

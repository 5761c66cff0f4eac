"""Read what defines an app: manifests, and descriptors from files or addresses."""

import importlib.util
import time
from codecs import BOM_UTF8
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ferryman import refusals
from ferryman.network.connections import Connections

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_DESCRIPTOR_SECONDS = 10.0
_DESCRIPTOR_BYTES = 1 << 20
_PIECE = 1 << 16


def read_descriptor(where: str) -> dict[str, Any]:
    """Read a Connect app's descriptor from a file, or from the address where the app serves it.

    It may also be a Forge manifest with ``connectModules``, in YAML or JSON.
    """
    if "://" not in where and Path(where).suffix in (".yml", ".yaml"):
        return read_manifest(Path(where))
    data = descriptor_text(where)
    try:
        return msgspec.json.decode(data.removeprefix(BOM_UTF8), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.definition.DESCRIPTOR_UNREADABLE(place=where, found=str(error)) from None


def descriptor_key(document: dict[str, Any]) -> str:
    """Return the key in a descriptor or in the manifest of a Connect app; empty if none."""
    app = document.get("app")
    places = [document, app.get("connect") if isinstance(app, dict) else None]
    keys = [place.get("key") for place in places if isinstance(place, dict)]
    return next((key for key in keys if isinstance(key, str)), "")


def descriptor_text(where: str) -> bytes:
    """Read a file or an http(s) address, without following redirects.

    Raises ``ConfigError`` (``descriptor_unreachable``), or ``OSError`` for a file.
    """
    if "://" not in where:
        return Path(where).read_bytes()
    url, data = _fetched(where)
    if url is not None:
        raise refusals.definition.DESCRIPTOR_UNREACHABLE(
            address=where, seconds=_DESCRIPTOR_SECONDS, found=url
        )
    return data


def _fetched(url: str) -> tuple[str | None, bytes]:
    """Return the problem of the answer, None if there is none, and its body."""
    import urllib3

    if not url.lower().startswith(("http://", "https://")):
        return f"an address that begins with {url.partition('://')[0]}://", b""
    limit = time.monotonic() + _DESCRIPTOR_SECONDS
    connections = Connections()
    try:
        with connections.for_url(url) as pool:
            answer = pool.request(
                "GET", url, preload_content=False, redirect=False, timeout=_DESCRIPTOR_SECONDS
            )
            try:
                if answer.status != 200:
                    return str(answer.status), b""
                return _read(answer, limit)
            finally:
                answer.close()
    except (urllib3.exceptions.HTTPError, ValueError) as failure:
        if known := connections.failure(failure, url):
            return f"{known.found} ({known.fault})", b""
        return f"{type(failure).__name__}: {failure}"[:200], b""


def _read(answer: "BaseHTTPResponse", limit: float) -> tuple[str | None, bytes]:
    data = bytearray()
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > _DESCRIPTOR_BYTES:
            return "more", b""
        if time.monotonic() > limit:
            return f"{len(data)} bytes of it by then", b""
    return None, bytes(data)


def manifest_file(source: Path) -> Path:
    """Find the manifest: the file itself, or manifest.yml or manifest.json in the folder."""
    if not source.is_dir():
        return source
    names = ("manifest.yml", "manifest.json")
    if not _reads_yaml():
        # The base install has no YAML: if both exist, JSON is the one it can read.
        names = names[::-1]
    files = [source / name for name in names]
    return next((file for file in files if file.is_file()), files[0])


def read_manifest(file: Path) -> dict[str, Any]:
    """Read a manifest in JSON, or in YAML if the package for it is installed."""
    if file.suffix != ".json":
        if _reads_yaml():
            from ferryman.functions.source import load_manifest

            return load_manifest(file)
        raise refusals.command.YAML_NOT_INSTALLED_FOR_FILE(file=file)
    try:
        return msgspec.json.decode(file.read_bytes().removeprefix(BOM_UTF8), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.definition.MANIFEST_MALFORMED(file=file, found=str(error)) from None


def _reads_yaml() -> bool:
    return importlib.util.find_spec("yaml") is not None

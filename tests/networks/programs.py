"""Real programs of a company's network: forward proxies, and servers of TLS."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.kit.platform import free_port, unavailable, wait_until

HOST = "platform.example"
USER, PASSWORD = "agent", "p:ss wörd@1"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
# Ends a program with the process that started it, however that one ends.
_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
_SQUID = Path("/usr/lib/squid")
_ROOT = os.geteuid() == 0


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test without it, by the name of its package."""
    found = shutil.which(name, path=_PATH)
    return found or unavailable(f"{name} (Debian: {package})")


def with_hosts(folder: Path) -> tuple[str, ...]:
    """Return what starts a command that knows ``HOST`` as this machine; others do not know it."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
    return (sys.executable, str(Path(__file__).with_name("with_hosts.py")), str(hosts))


@contextmanager
def running(words: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server until the block ends; enter it when it listens."""
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            [*_WITH_US, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
        )

    def listens() -> bool:
        logs = "".join(
            each.read_text(errors="replace")
            for each in (folder / "output", folder / "cache.log")
            if each.exists()
        )
        assert process.poll() is None, logs
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        return False

    try:
        wait_until(listens)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder that the users of servers can write to, with a short path for sockets."""
    with tempfile.TemporaryDirectory(prefix=f"ferryman-{name}-", dir="/tmp") as given:
        folder = Path(given)
        folder.chmod(0o777)
        yield folder


@dataclass(frozen=True)
class Forward:
    """A running forward proxy: its address without user, and the file that it logs to."""

    port: int
    log: Path

    def url(self, password: str | None = None) -> str:
        login = "" if password is None else f"{USER}:{quote(password, safe='')}@"
        return f"http://{login}127.0.0.1:{self.port}"

    def environment(self, ca: Path | None, password: str | None = None) -> dict[str, str]:
        """Return the variables of a program in this network."""
        trust = {} if ca is None else {"SSL_CERT_FILE": str(ca)}
        url = self.url(password)
        return {"HTTPS_PROXY": url, "HTTP_PROXY": url, "NO_PROXY": "", **trust}

    @property
    def seen(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def squid(
    connect: list[int],
    *,
    login: bool = False,
    inspects: Path | None = None,
    trusts: Path | None = None,
) -> Iterator[Forward]:
    """Run Squid, which opens tunnels to the ports ``connect`` alone.

    ``inspects`` is a file with the certificate and key of the authority with which it looks into
    TLS; ``trusts`` has those that it trusts itself.
    """
    binary = program("squid", "squid-openssl")
    port = free_port()
    with scratch("squid") as folder:
        listen, bump = f"http_port 127.0.0.1:{port}", ""
        if inspects is not None:
            maker = _SQUID / "security_file_certgen"
            if not maker.exists():
                unavailable(f"{maker} (Debian: squid-openssl)")
            database = folder / "certificates"
            subprocess.run(
                [maker, "-c", "-s", database, "-M", "4MB"], check=True, capture_output=True
            )
            subprocess.run(["chmod", "-R", "777", database], check=True)
            listen += f" ssl-bump tls-cert={inspects} generate-host-certificates=on"
            bump = (
                f"sslcrtd_program {maker} -s {database} -M 4MB\n"
                f"tls_outgoing_options cafile={trusts}\n"
                "acl first at_step SslBump1\nssl_bump peek first\nssl_bump bump all\n"
            )
        users = ""
        if login:
            secret = subprocess.run(
                ["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True
            )
            (folder / "users").write_text(f"{USER}:{secret.stdout}")
            users = (
                f"auth_param basic program {_SQUID}/basic_ncsa_auth {folder}/users\n"
                "auth_param basic realm company\nacl known proxy_auth REQUIRED\n"
                "http_access deny !known\n"
            )
        (folder / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        (folder / "squid.conf").write_text(f"""\
{listen}
hosts_file {folder}/hosts
pid_filename none
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
cache deny all
cache_mem 8 MB
coredump_dir {folder}
visible_hostname proxy.example
pinger_enable off
shutdown_lifetime 0 seconds
{bump}acl tls port {" ".join(map(str, connect)) or "1"}
acl CONNECT method CONNECT
acl denied dstdomain denied.example
http_access deny CONNECT !tls
http_access deny denied
{users}http_access allow all
""")
        words = [binary, "-N", "-f", f"{folder}/squid.conf", "-n", f"f{port}"]
        with running(words, port, folder):
            yield Forward(port, folder / "access.log")


@contextmanager
def tinyproxy(connect: list[int]) -> Iterator[Forward]:
    """Run tinyproxy, which opens tunnels to the ports ``connect`` alone."""
    binary = program("tinyproxy", "tinyproxy")
    port = free_port()
    with scratch("tinyproxy") as folder:
        lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 600", f'LogFile "{folder}/log"']
        lines += [
            "LogLevel Connect",
            "MaxClients 100",
            *(f"ConnectPort {each}" for each in connect),
        ]
        (folder / "conf").write_text("\n".join(lines) + "\n")
        with running([*with_hosts(folder), binary, "-d", "-c", f"{folder}/conf"], port, folder):
            yield Forward(port, folder / "log")


@contextmanager
def tls_servers(
    upstream: int, files: Mapping[str, Path], given: Mapping[str, int] | None = None
) -> Iterator[dict[str, int]]:
    """Run nginx before the platform, with one port for each certificate; their ports by name."""
    binary = program("nginx", "nginx-light")
    ports = {name: free_port() for name in files} | dict(given or {})
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    with scratch("nginx") as folder:
        servers = "".join(
            f"""
  server {{
    listen 127.0.0.1:{ports[name]} ssl;
    ssl_certificate {file};
    ssl_certificate_key {file};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}"""
            for name, file in files.items()
        )
        (folder / "nginx.conf").write_text(f"""\
{"user root;" if _ROOT else ""}
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  {" ".join(f"{each}_temp_path {folder}/{each};" for each in temporary)}
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_http_version 1.1;
  proxy_read_timeout 120s;
  proxy_set_header Host $http_host;{servers}
}}
""")
        first = next(iter(ports.values()))
        with running([binary, "-p", f"{folder}", "-c", f"{folder}/nginx.conf"], first, folder):
            yield ports


Started = Callable[[], Iterator[Forward]]

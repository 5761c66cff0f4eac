"""Proxies before the platform: what their defaults break, and the configurations of the page."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from ferryman import Gateway
from ferryman.client.admin import AdminClient
from ferryman.sdk.errors import ClientError
from tests.docs.pages import ROOT, blocks
from tests.e2e.proxies import proxy
from tests.kit.java import JavaAgent, classpath, compile_listeners
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformBehind, PlatformProcess, free_port
from tests.networks.authority import Authority
from tests.networks.conftest import Network
from tests.networks.programs import program, running, scratch

PAGE = ROOT / "docs" / "how-to" / "put-a-proxy-in-front.md"
CONTENT = os.urandom(9_000_000)
MODULES = Path("/usr/lib/apache2/modules")


@dataclass(frozen=True)
class Front:
    """A platform whose public URL is a port where nothing listens yet."""

    platform: PlatformProcess
    url: str
    port: int
    certificate: Path
    ca: Path


@contextmanager
def front(folder: Path, scheme: str) -> Iterator[Front]:
    authority = Authority(folder, "Front Root")
    port = free_port()
    url = f"{scheme}://{'127.0.0.1' if scheme == 'http' else 'localhost'}:{port}"
    env = {"FERRYMAN_PUBLIC_URL": url}
    with PlatformBehind(folder / "data", port=free_port(), env=env) as platform:
        yield Front(platform, url, port, authority.issue("localhost"), authority.file)


@pytest.fixture(scope="module")
def plain() -> Iterator[Front]:
    with scratch("front") as folder, front(folder, "http") as found:
        yield found


@pytest.fixture(scope="module")
def secure() -> Iterator[Front]:
    with scratch("front") as folder, front(folder, "https") as found:
        yield found


def _upload(front: Front, migration: AppMigration) -> None:
    claims = migration.claim()["claims"]
    token = migration.tokens["serverToken"]
    with (
        Gateway(front.url, token, migration.transfer_id, claim=claims, retry_seconds=5) as gateway,
        gateway.create_app_data("large") as file,
    ):
        file.write(CONTENT)
    [kept] = [each["data"] for each in migration.timeline("app_data.uploaded")]
    assert kept["size"] == len(CONTENT)


def _load(front: Front, migration: AppMigration) -> None:
    rows = b"".join(b"jira:issue,%d,c%d\n" % (n, n) for n in range(150_000))
    admin = AdminClient(front.url, front.platform.operator_token)
    head = b"namespace,serverKey,cloudKey\n"
    admin.migrations.load_mappings(migration.migration_id, "text/csv", [head, rows])


def _watch(front: Front, migration: AppMigration) -> None:
    """The first events come while the stream goes on."""
    admin = AdminClient(front.url, front.platform.operator_token)
    with admin.transfers.stream_timeline(migration.transfer_id, 0, timeout=120) as chunks:
        assert next(iter(chunks))


USES: dict[str, Callable[[Front, AppMigration], None]] = {
    "upload": _upload,
    "load": _load,
    "watch": _watch,
}
BROKEN = {
    ("nginx", use): "status 413 and a page of HTML, and not by Ferryman but by nginx/.*"
    r"client_max_body_size 0 \(nginx\)"
    for use in ("upload", "load")
}
"""What the defaults of a proxy break, and how our error names it."""


@pytest.fixture
def migration(request: pytest.FixtureRequest) -> Iterator[AppMigration]:
    name = "secure" if "secure" in request.fixturenames else "plain"
    platform: PlatformProcess = request.getfixturevalue(name).platform
    migration = AppMigration.register_app(platform)
    migration.create()
    migration.start()
    yield migration
    platform.settle_all()


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["nginx", "haproxy", "apache", "varnish", "caddy"])
def test_the_defaults(
    plain: Front, migration: AppMigration, network: Network, name: str, use: str
) -> None:
    with proxy(name, plain.platform.port, plain.port):
        if broken := BROKEN.get((name, use)):
            with pytest.raises(ClientError, match=broken):
                USES[use](plain, migration)
        else:
            USES[use](plain, migration)


def test_a_limit_of_bodies_is_named_to_a_listener_in_java(
    plain: Front, migration: AppMigration, tmp_path: Path
) -> None:
    """In the log, as listeners swallow exceptions; what fits the limit arrives."""
    files = classpath(compile_listeners(Path(__file__).parent / "files"))
    named = ("--listener", "files.FilesListener", "--once")
    env = {"FERRYMAN_URL": plain.url}
    with (
        proxy("nginx", plain.platform.port, plain.port),
        JavaAgent(migration, files, tmp_path, *named, env=env) as agent,
    ):
        agent.ends(1)
    [said] = [line for line in agent.log.splitlines() if "app_data.not_registered" in line]
    assert re.search(r"label=large .* status 413 and a page of HTML, and not by .* nginx/", said)
    assert "client_max_body_size 0 (nginx)" in said
    assert [each["data"]["label"] for each in migration.timeline("app_data.uploaded")] == ["small"]
    [lost] = [each["data"] for each in migration.timeline("upload.aborted")]
    assert (lost["reason"], lost["detail"]) == ("writer_failed", "status 413")


def _nginx(text: str, folder: Path, _front: Front) -> AbstractContextManager[None]:
    root = "user root;" if os.geteuid() == 0 else ""
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{each}_temp_path {folder}/{each};" for each in temporary)
    http = f"http {{ access_log off; {paths}\n{text}\n}}\n"
    head = f"{root} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
    (folder / "conf").write_text(head + http)
    words = [program("nginx", "nginx-light"), "-p", str(folder), "-c", f"{folder}/conf"]
    return running(words, _front.port, folder)


def _haproxy(text: str, folder: Path, front: Front) -> AbstractContextManager[None]:
    (folder / "conf").write_text(text)
    words = [program("haproxy", "haproxy"), "-f", f"{folder}/conf", "-db"]
    return running(words, front.port, folder)


def _apache(text: str, folder: Path, front: Front) -> AbstractContextManager[None]:
    named = ("mpm_event", "ssl", "proxy", "proxy_http", "headers", "authz_core")
    lines = [f"LoadModule {each}_module {MODULES}/mod_{each}.so" for each in named]
    lines += [f"ServerRoot {folder}", f"DefaultRuntimeDir {folder}", f"PidFile {folder}/pid"]
    lines += [f"ErrorLog {folder}/error.log", "ServerName localhost"]
    lines += ["User nobody", "Group nogroup"] if os.geteuid() == 0 else []
    (folder / "conf").write_text("\n".join([*lines, text]))
    words = [program("apache2", "apache2-bin"), "-d", str(folder), "-f", "conf", "-DFOREGROUND"]
    return running(words, front.port, folder)


def _caddy(text: str, folder: Path, front: Front) -> AbstractContextManager[None]:
    own = "{\n\tadmin off\n\tauto_https off\n}\n"
    tls = f"{{\n\ttls {front.certificate} {front.certificate}\n"
    (folder / "Caddyfile").write_text(own + text.replace("{\n", tls, 1))
    words = [program("caddy", "caddy"), "run", "--config", f"{folder}/Caddyfile"]
    return running(words, front.port, folder)


def _varnish(text: str, folder: Path, front: Front) -> AbstractContextManager[None]:
    (folder / "conf.vcl").write_text(text)
    words = [program("varnishd", "varnish"), "-F", "-j", "none", "-n", f"{folder}/varnish"]
    words += ["-f", f"{folder}/conf.vcl", "-a", f"127.0.0.1:{front.port}", "-s", "malloc,32m"]
    return running(words, front.port, folder)


SERVERS = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "apache": _apache,
    "caddyfile": _caddy,
    "vcl": _varnish,
}


def _follow(name: str, front: Front, migration: AppMigration) -> None:
    [text] = [block.text for block in blocks(PAGE) if block.language == name]
    text = text.replace("8400", str(front.platform.port)).replace("443", str(front.port))
    text = text.replace("/etc/ssl/ferryman.pem", str(front.certificate))
    site = f"https://localhost:{front.port}" if name == "caddyfile" else "localhost"
    text = text.replace("ferryman.example", site)
    with scratch(name) as folder, SERVERS[name](text, folder, front):
        for use in USES.values():
            use(front, migration)
        _hides_inner_pages(front)


def _hides_inner_pages(front: Front) -> None:
    with urllib3.PoolManager(ca_certs=str(front.ca), retries=False) as pool:
        reply = pool.request("GET", f"{front.url}/metrics")
    assert reply.status in {403, 404}
    assert b"ferryman_" not in reply.data


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "vcl"])
def test_the_configuration_of_the_page(
    secure: Front, migration: AppMigration, network: Network, name: str
) -> None:
    network.use(None, secure.ca)
    _follow(name, secure, migration)


def test_the_configuration_of_varnish(
    plain: Front, migration: AppMigration, network: Network
) -> None:
    _follow("vcl", plain, migration)

"""A vendor's listener in Java, never changed, in a company's network."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kit import forked
from tests.kit.function_app import FunctionMigration
from tests.kit.java import JavaAgent, classpath, compile_listeners
from tests.kit.migration import AppMigration
from tests.kit.platform import free_port, wait_until
from tests.kit.tcp_server import TcpServer
from tests.networks.conftest import Site
from tests.networks.programs import HOST, PASSWORD, Forward, squid, tinyproxy

SOURCES = Path(__file__).parent / "listener"
ROWS = {str(number): f"cloud-{number}" for number in range(10_000)}

CLOUD_APP = """\
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';

import { migration } from '@forge/migrations';

export async function run(event) {
  if (!event.eventType.endsWith('uploaded:app_data')) return;
  const payload = await migration.getAppDataPayload(event.key);
  const digest = createHash('sha256').update(Buffer.from(await payload.arrayBuffer()));
  appendFileSync(`${BOOK}/read`, `${event.label} ${digest.digest('hex')}\\n`);
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""


def _failed(migration: FunctionMigration) -> list[str]:
    return [str(entry["data"]) for entry in migration.timeline("attempt.failed")]


@pytest.fixture(scope="module")
def files() -> str:
    """The class path of the listener that writes files."""
    return classpath(compile_listeners(SOURCES.parent / "files"))


@pytest.mark.usefixtures("javascript")
def test_a_listener_reaches_a_javascript_function_from_behind_a_proxy(
    site: Site, login_squid: Forward, tmp_path: Path
) -> None:
    """30 MiB in files of several parts and 10,000 mappings, through Squid with a login."""
    plugin = compile_listeners(SOURCES)
    app = tmp_path / "app"
    migration = FunctionMigration.begin(
        site.platform,
        app,
        claim=False,
        code=CLOUD_APP.replace("${BOOK}", str(tmp_path)),
        file="index.js",
        serverAppKey="org.example.company.server",
        cloudAppKey="org.example.company.cloud",
    )
    migration.load(*(("jira:issue", server, cloud) for server, cloud in ROWS.items()))
    words = ("agent", "run", "company.CompanyListener", "--java", str(plugin), "--once")
    done = forked.run(
        [sys.executable, "-m", "ferryman", *words],
        env={
            **os.environ,
            **login_squid.environment(site.ca.file, PASSWORD),
            "FERRYMAN_URL": site.url(),
            "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
            "JDK_JAVA_OPTIONS": f"-Dtest.folder={tmp_path}",
        },
        cwd=tmp_path,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stderr
    wait_until(lambda: not migration.view()["unacknowledgedMessageIds"] or _failed(migration))
    assert not _failed(migration), "\n".join(_failed(migration))
    wait_until(lambda: migration.status == "SUCCESS")
    written = sorted((tmp_path / "written").read_text().splitlines())
    # An event may come twice.
    assert sorted(set((tmp_path / "read").read_text().splitlines())) == written
    kept = {
        each["label"]: each for each in (e["data"] for e in migration.timeline("app_data.uploaded"))
    }
    assert sorted(f"{label} {file['sha256']}" for label, file in kept.items()) == written
    assert sum(kept[label]["size"] for label in ("issues", "pages", "spaces")) == 30 << 20
    rows = "".join(f"{server} {ROWS[server]}\n" for server in sorted(ROWS)).encode()
    assert kept["mappings"]["sha256"] == sha256(rows).hexdigest()
    # All of it through the proxy: elsewhere the name is not known.
    wait_until(lambda: f"CONNECT {HOST}:{site.ports['good']}" in login_squid.seen)


def _plain(login: bool) -> Callable[[Site], AbstractContextManager[Forward]]:
    return lambda site: squid(site.connect, login=login)


PROXIES: dict[str, Callable[[Site], AbstractContextManager[Forward]]] = {
    "squid with a login": _plain(login=True),
    "tinyproxy": lambda site: tinyproxy(site.connect),
    "squid that looks into TLS": lambda site: squid(
        site.connect, inspects=site.inspector.with_key(), trusts=site.ca.file
    ),
}


@pytest.mark.parametrize("kind", PROXIES)
def test_a_plain_jvm_obeys_all_proxy_and_the_file_of_authorities(
    site: Site, migration: AppMigration, files: str, tmp_path: Path, kind: str
) -> None:
    """As on a customer's server: only the jar, and variables."""
    ca = site.inspector if "looks" in kind else site.ca
    with PROXIES[kind](site) as proxy:
        env = {
            "ALL_PROXY": proxy.url(PASSWORD if "login" in kind else None),
            "NO_PROXY": "other.example:443, 10.0.0.0/8",
            "SSL_CERT_FILE": str(ca.file),
            "FERRYMAN_URL": site.url(),
        }
        named = ("--listener", "files.FilesListener", "--once")
        with JavaAgent(migration, files, tmp_path, *named, env=env) as agent:
            agent.ends()
        wait_until(lambda: HOST in proxy.seen)
        assert PASSWORD not in agent.log
    kept = {each["data"]["label"]: each["data"] for each in migration.timeline("app_data.uploaded")}
    assert {label: each["size"] for label, each in kept.items()} == {"small": 3, "large": 9 << 20}


def test_what_a_proxy_refuses_is_named(
    site: Site,
    plain_squid: Forward,
    login_squid: Forward,
    files: str,
    tmp_path: Path,
    migration: AppMigration,
) -> None:
    """A port that is not allowed, a login that is missing, a page in its place, and no proxy."""
    named = ("--listener", "files.FilesListener", "--once")
    env = {"SSL_CERT_FILE": str(site.ca.file), "NO_PROXY": ""}
    page = "status 403 and a page of HTML, and not by Ferryman but by squid"
    for proxy, url, said in (
        (plain_squid, site.url("other port"), "status 403 by the proxy http://127.0.0.1"),
        (plain_squid, "http://denied.example", page),
        (login_squid, site.url(), "status 407 by the proxy http://127.0.0.1"),
    ):
        more = {**env, "ALL_PROXY": proxy.url(), "FERRYMAN_URL": url}
        with JavaAgent(migration, files, tmp_path, *named, env=more) as agent:
            agent.ends(2)
            assert said in agent.log
    free = Forward(free_port(), tmp_path)
    more = {**env, "HTTPS_PROXY": free.url(), "FERRYMAN_URL": site.url()}
    with JavaAgent(migration, files, tmp_path, *named, env=more) as agent:
        agent.says(f'reason="the proxy 127.0.0.1:{free.port} refuses the connection"')


@pytest.fixture(params=[b"", b"220 mail.example ESMTP\r\n\r\n"], ids=["closes", "no proxy"])
def odd_proxy(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Something that reads a request, answers so, and closes; and what is said of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request.param)
        await writer.drain()

    server = TcpServer(serve)
    said = "does not speak HTTP" if request.param else "closes the connection"
    yield server.url, f'reason="the proxy {server.url} {said}"'
    server.close()


def test_what_is_no_proxy_is_named(
    site: Site, odd_proxy: tuple[str, str], files: str, tmp_path: Path, migration: AppMigration
) -> None:
    url = odd_proxy[0].replace("://", "://agent:secret@")
    env = {"HTTPS_PROXY": url, "NO_PROXY": "", "FERRYMAN_URL": site.url()}
    named = ("--listener", "files.FilesListener", "--once")
    with JavaAgent(migration, files, tmp_path, *named, env=env) as agent:
        agent.says(odd_proxy[1])
        assert "secret" not in agent.log


def test_a_certificate_that_is_refused_is_named(
    site: Site, login_squid: Forward, files: str, tmp_path: Path, migration: AppMigration
) -> None:
    """Untrusted, expired, for another name, without the right usage, by no authority."""
    named = ("--listener", "files.FilesListener", "--once")
    env = login_squid.environment(site.ca.file, PASSWORD)
    for wrong in ("untrusted", "expired", "other name", "for clients", "by no authority"):
        more = {**env, "FERRYMAN_URL": site.url(wrong)}
        folder = tmp_path / wrong
        folder.mkdir()
        with JavaAgent(migration, files, folder, *named, env=more) as agent:
            agent.ends(2)
            assert "got no answer (TLS: " in agent.log, wrong
            assert "SSL_CERT_FILE" in agent.log

"""A vendor's listener in Java, never changed, in a company's network."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.java import agent_jar, compile_listeners
from tests.kit.platform import wait_until
from tests.networks.conftest import Site
from tests.networks.programs import HOST, PASSWORD, Forward

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


@pytest.mark.usefixtures("javascript")
def test_a_listener_reaches_a_javascript_function_from_behind_a_proxy(
    site: Site, login_squid: Forward, tmp_path: Path
) -> None:
    """30 MiB in files of several parts and 10,000 mappings, through Squid with a login."""
    plugin = compile_listeners(SOURCES, agent_jar(), tmp_path / "plugin")
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
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", *words],
        env={
            **os.environ,
            **login_squid.environment(site.ca.file, PASSWORD),
            "FERRYMAN_URL": site.url(),
            "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
            "JDK_JAVA_OPTIONS": f"-Dtest.folder={tmp_path}",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
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

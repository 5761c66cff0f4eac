"""``ferryman agent run --java``."""

import os
import subprocess
import sys
from pathlib import Path

from ferryman.devtools.migrate.plan import read_plan
from tests.kit import forked
from tests.kit.java import JAVA, classpath
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess, free_port

FERRYMAN = (sys.executable, "-m", "ferryman", "agent")


def _run(
    folder: Path, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return forked.run(
        [*FERRYMAN, *words],
        cwd=folder,
        env={**os.environ, **(env or {})},
        text=True,
        timeout=200,
    )


def test_the_command_starts_a_jvm_with_the_listener(
    platform_process: PlatformProcess, jar: Path, listeners: Path, tmp_path: Path
) -> None:
    migration = AppMigration.register_app(platform_process)
    migration.create()
    migration.start()
    access = {
        "FERRYMAN_URL": migration.platform.url,
        "FERRYMAN_SERVER_TOKEN": migration.tokens["serverToken"],
        "JDK_JAVA_OPTIONS": f"-Dtest.folder={tmp_path}",
    }
    named = ("tests.AfterExport", "--java", str(listeners), "--once")
    key = ("--key", migration.registration["serverAppKey"], "--agent-id", "named")
    done = _run(tmp_path, "run", *named, *key, env=access)
    assert done.returncode == 0, done.stderr
    assert migration.view()["files"] == 2
    assert migration.timeline("listener.claimed")[0]["data"]["agentId"] == "named"
    assert _run(tmp_path, "jar").stdout.strip() == str(jar)


def test_what_java_lacks_is_refused(jar: Path, tmp_path: Path) -> None:
    access = {"FERRYMAN_URL": "http://127.0.0.1:9", "FERRYMAN_SERVER_TOKEN": "token"}
    named = ("run", "tests.Exporter", "--java", ".", "--key", "key")
    done = _run(tmp_path, *named, "--json", env=access)
    assert (done.returncode, "option_not_for_java" in done.stderr) == (2, True)
    done = _run(tmp_path, *named, env={**access, "JAVA_HOME": str(tmp_path)})
    assert (done.returncode, "java_not_found" in done.stderr) == (2, True)


def test_an_export_can_go_into_a_folder(listeners: Path, tmp_path: Path) -> None:
    """For ``ferryman migrate --plan``; no platform is needed."""
    (tmp_path / "mappings.csv").write_text(
        "namespace,serverKey,cloudKey\n" + "".join(f"jira:issue,{n},c{n}\n" for n in range(12))
    )
    command = [*JAVA, f"-Dtest.folder={tmp_path}", "-cp", classpath(listeners)]
    command += ["io.ferryman.agent.Main", "--listener", "tests.Exporter", "--export-to", "out"]
    command += ["--mappings", "mappings.csv"]
    for status in (0, 2):  # the second time the folder exists
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
    out = tmp_path / "out"
    sizes = {str(each.relative_to(out)): each.stat().st_size for each in out.rglob("*[0-9]")}
    assert sizes == {
        "files/large/000001": 20 * 1_000_003,
        "files/small/000002": 7,
        "files/unlabelled/000003": 0,
    }
    plan = read_plan(out / "plan.toml")
    assert (plan.files, plan.labels) == ("files", {})
    assert (tmp_path / "marks").read_text().splitlines() == ["3 pages of 12", "{3=c3}"]


MANIFEST = """\
modules:
  function:
    - key: migrate
      handler: index.run
  trigger:
    - key: on-app-data
      function: migrate
      events:
        - avi:ecosystem.migration:uploaded:app_data
"""
HANDLER = """\
from ferryman import Migration

def run(event, context):
    with Migration() as migration:
        migration.message_processed(event["transferId"], event["messageId"])
"""


def test_a_migration_on_this_machine_takes_a_listener_in_java(
    listeners: Path, tmp_path: Path
) -> None:
    """In the folder of an app: one listener that succeeds, then one that throws."""
    app = tmp_path / "cards"
    app.mkdir()
    (app / "manifest.yml").write_text(MANIFEST)
    (app / "index.py").write_text(HANDLER)
    migrate = f"{forked.scripts()}/ferryman migrate --java {listeners} --settle --listener"
    script = f"{migrate} tests.AfterExport; echo $? >first; {migrate} tests.Throwing; echo $? >then"
    done = forked.run(
        [*FERRYMAN[:-1], "dev", "--port", str(free_port()), "--", "sh", "-c", script],
        cwd=app,
        env={k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")},
        text=True,
        timeout=280,
    )
    said = done.stdout + done.stderr
    assert (app / "first").exists(), said  # or `dev` did not start
    assert (app / "first").read_text() == "0\n", said
    assert "SUCCESS" in said
    assert "2 files" in said
    assert (app / "then").read_text() == "1\n", said
    assert "at tests.Throwing.onStartAppMigration" in said

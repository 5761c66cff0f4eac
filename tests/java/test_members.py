"""Each public member of the Java interfaces, used by real programs on a real platform."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from ferryman import ConnectMigration
from tests.java.conftest import StartAgent
from tests.kit.java import JAVA, classpath
from tests.kit.migration import AppMigration
from tests.kit.platform import PlatformProcess

CONTAINERS = [
    {"type": "JiraProject", "key": "HAR", "sourceId": "10000", "name": "Harbour"},
    {"type": "ConfluenceSpace", "key": "SEA", "sourceId": "20000", "name": "Sea"},
]
ROWS = [("jira:issue", str(number), f"c{number}") for number in range(5)]

# The members that listeners implement are said by one of the interfaces that inherit them.
SAME = {
    "MultiTransferDiscoverableForgeListener": "DiscoverableForgeListener",
    "MultiTransferDiscoverableListener": "DiscoverableListener",
    "RerunnableDiscoverableListener": "DiscoverableListener",
}


def _begin(platform: PlatformProcess, **registration: object) -> AppMigration:
    migration = AppMigration.register_app(platform, **registration)
    migration.create(containers=CONTAINERS)
    migration.load(*ROWS)
    migration.start()
    return migration


def _said(folder: Path) -> dict[str, str]:
    lines = (folder / "marks").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def program(
    running_platform: PlatformProcess,
    listeners: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, str], AppMigration]:
    """What a program with ``io.ferryman.Gateway`` says, and the transfer that it wrote to."""
    folder = tmp_path_factory.mktemp("program")
    forge, connect = _begin(running_platform), _begin(running_platform, kind="connect")
    with _cloud(connect) as cloud:
        cloud.leave_feedback(connect.transfer_id, {"skipped": 2})
    given = [forge.tokens["serverToken"], forge.transfer_id]
    given += [connect.tokens["serverToken"], connect.transfer_id]
    for each in (forge, connect):
        each.claim()
    command = [*JAVA, f"-Dtest.folder={folder}", "-cp", classpath(listeners), "tests.Program"]
    done = subprocess.run(
        [*command, running_platform.url, *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return _said(folder), forge


def test_a_program_with_a_gateway(program: tuple[dict[str, str], AppMigration]) -> None:
    said, migration = program
    files = {
        each["data"]["label"]: each["data"] for each in migration.timeline("app_data.uploaded")
    }
    assert set(files) == {"large", "small", None}
    assert files["large"]["size"] == 20 << 20
    assert said == {
        "Gateway.new": "made",
        "Gateway.getTransferId": migration.transfer_id,
        "Gateway.createAppData": "written",
        "Gateway.completeExport": "done",
        "Gateway.getMappingById": "{1=c1}",
        "Gateway.getPaginatedMapping": "true 5",
        "Gateway.getPaginatedContainers": "true",
        "Gateway.getCloudFeedbackIfPresent": "Optional[{skipped=2}]",
        "Gateway.close": "this gateway is closed",
        "AppData.write": "20 MiB",
        "AppData.close": "this file failed: never closed",
        "AppData.abandon": "null",
        "AppData.getReceipt": "null",
        "AppDataReceipt.new": "null null",
        "AppDataReceipt.getKey": files["large"]["key"],
        "AppDataReceipt.getLabel": "large",
        "AppDataReceipt.getSize": str(20 << 20),
        "AppDataReceipt.getSha256": sha256(b"").hexdigest(),
        "AppDataReceipt.getMessageId": migration.message_of("large"),
        "GatewayException.new": "true",
        "GatewayException.getStatus": "409",
        "GatewayException.getCode": "export_incomplete",
        "GatewayException.is": "true",
        "GatewayException.isUnanswered": "false",
        "GatewayException.isSettled": "false",
    }
    view = migration.view()
    assert view["exportCompletedAt"] is not None
    assert view["unfinishedFiles"] == 0


@pytest.fixture
def forge_said(
    platform_process: PlatformProcess, start: StartAgent, tmp_path: Path
) -> dict[str, str]:
    """What a listener of a Forge app says that was called, and called once more for a re-run."""
    migration = _begin(platform_process)
    with start(migration, "Whole", "--once") as agent:
        agent.ends()
    assert sorted(map(str, _labels(migration))) == ["None", "labelled"]
    first = migration.transfer_id
    said = _said(tmp_path)
    assert said["AppCloudForgeMigrationGateway.getTransferId"] == first
    assert said["MigrationDetailsV1.getMigrationId"] == migration.migration_id
    assert said["MigrationDetailsV1.getName"] == migration.plan["name"]
    return said


def _labels(migration: AppMigration) -> list[str | None]:
    return [each["data"]["label"] for each in migration.timeline("app_data.uploaded")]


def test_a_listener_uses_all_that_it_is_given(
    platform_process: PlatformProcess,
    start: StartAgent,
    tmp_path: Path,
    jar: Path,
    listeners: Path,
    program: tuple[dict[str, str], AppMigration],
    forge_said: dict[str, str],
) -> None:
    """A Connect app's listener, too; and no public member is left that nobody used."""
    gateway = "AppCloudForgeMigrationGateway."
    assert {
        name.removeprefix(gateway): text
        for name, text in forge_said.items()
        if gateway in name and not name.endswith(".getTransferId")
    } == {
        "getTransferName": "null",
        "createAppData": "written",
        "completeExport": "done",
        "getMappingById": "{1=c1, 2=c2}",
        "getPaginatedMapping": "2 2 1 ",
        "getPaginatedContainers": "false",
        "getCloudFeedbackIfPresent": "Optional.empty",
    } | {
        name: f"Ferryman does not support {name}. Use {instead}."
        for name, instead in {
            "convertIdToMappingId": "getMappingById, here or in the cloud app",
            "sendKeyValuePair": "createAppData, and store it in the cloud app",
            "sendSqlData": "createAppData, and store it in the cloud app",
            "createOsData": "createAppData, and store it in the cloud app",
        }.items()
    }
    for name, text in {
        "JiraProjectContainerV1.getKey": "HAR",
        "JiraProjectContainerV1.getSourceId": "10000",
        "JiraProjectContainerV1.getName": "Harbour",
        "ConfluenceSpaceContainerV1.getType": "ConfluenceSpace",
        "ConfluenceSpaceContainerV1.getKey": "SEA",
        "ConfluenceSpaceContainerV1.getSourceId": "20000",
        "ConfluenceSpaceContainerV1.getName": "Sea",
        "SiteContainerV1.getSelectedUsers": "ALL_USERS",
        "MigrationDetailsV1.getCloudUrl": "https://harbour.example",
        "ServerAppCustomField.equals": "true",
        "ServerAppCustomField.hashCode": "true",
    }.items():
        assert forge_said[name] == text, name
    (tmp_path / "marks").unlink()
    connect = _begin(platform_process, kind="connect")
    with start(connect, "Whole", "--once") as agent:
        agent.ends()
    connect_said = _said(tmp_path)
    assert connect_said["DiscoverableListener.onStartAppMigration"] == connect.transfer_id
    assert connect_said["AppCloudMigrationGateway.getMappingById"] == "{1=c1}"
    assert connect_said["AppCloudMigrationGateway.getPaginatedContainers"] == "true"
    reruns = {}
    for again in (_begin(platform_process), _begin(platform_process, kind="connect")):
        _end_as_failed(again)
        rerun = again.rerun()["transferId"]
        with start(again, "Whole", "--once") as agent:
            agent.ends()
        kind = "Listener" if again.registration["kind"] == "connect" else "ForgeListener"
        member = f"Discoverable{kind}.onRerunAppMigration"
        reruns[member] = _said(tmp_path)[member]
        assert reruns[member] == f"{again.transfer_id} as {rerun}"
    listing = subprocess.run(
        [*JAVA, "-cp", classpath(listeners), "tests.Checks", str(jar)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    used = {**program[0], **forge_said, **connect_said, **reruns}
    missing = [each for each in listing if not _is_used(each, used)]
    assert not missing


def _end_as_failed(migration: AppMigration) -> None:
    migration.claim()
    migration.throw()
    if migration.registration["kind"] == "connect":
        with _cloud(migration) as cloud:
            cloud.report_progress(migration.transfer_id, "FAILED")
    else:
        migration.advance(minutes=16)


def _cloud(migration: AppMigration) -> ConnectMigration:
    key, secret = migration.registration["cloudAppKey"], migration.tokens["sharedSecret"]
    return ConnectMigration(migration.platform.url, key, secret)


def _is_used(member: str, used: dict[str, str]) -> bool:
    kind, _, name = member.partition(".")
    kind = SAME.get(kind, kind)
    inherited = f"DiscoverableForgeListener.{name}" if kind == "DiscoverableListener" else ""
    return f"{kind}.{name}" in used or inherited in used

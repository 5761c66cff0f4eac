"""The server side: the listener and its gateway, through the surface that takes their place."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.statements import case, statement
from tests.kit.manifests import ERRORED, EXPORTED, TRIGGERED, UPLOADED
from tests.kit.platform import problem
from tests.kit.remote_app import ForgeMigration, is_uuid


@statement(
    "forge-listener", "onStartAppMigration", "the listener is called once a migration starts"
)
def test_called_at_start(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.create()
    assert forge.claim() is None
    forge.start()
    assert forge.claim()["transferId"] == forge.transfer_id
    forge.begun.append(forge.transfer_id)


@statement("forge-listener", "onStartAppMigration", "a transfer's listener is called by one agent")
def test_called_once(forge: ForgeMigration) -> None:
    forge.confirm()
    assert forge.claim() is None


@statement(
    "forge-listener",
    "onStartAppMigration",
    "the listener is given the details of the migration",
)
def test_details(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    forge.create()
    forge.start()
    details = forge.claim()["migrationDetails"]
    forge.begun.append(forge.transfer_id)
    assert details["migrationId"] == forge.migration_id
    assert {"migrationScopeId", "createdAt", "cloudUrl", "name"} <= set(details)


@pytest.mark.parametrize(
    ("member", "good"),
    [
        case(
            "forge-listener",
            "getTransferId",
            "the gateway knows its transfer",
            "transferId",
            is_uuid,
            name="transferId",
        ),
        case(
            "forge-listener",
            "getCloudAppKey",
            "a listener belongs to a cloud app key",
            "cloudAppKey",
            lambda value: value.startswith("org.example.cloud-"),
            name="cloudAppKey",
        ),
        case(
            "forge-listener",
            "getServerAppKey",
            "a listener belongs to a server app key",
            "serverAppKey",
            lambda value: value.startswith("org.example.server-"),
            name="serverAppKey",
        ),
        case(
            "forge-listener",
            "getForgeEnvironmentName",
            "the environment is development unless the listener says otherwise",
            "environment",
            lambda value: value == "development",
            name="environment",
        ),
    ],
)
def test_what_a_listener_knows(
    register_forge: Callable[..., ForgeMigration], member: str, good: Callable[[Any], object]
) -> None:
    forge = register_forge()
    forge.create()
    forge.start()
    claimed = forge.claim()
    forge.begun.append(forge.transfer_id)
    assert good(claimed[member])


@pytest.mark.parametrize(
    "environment",
    [
        case(
            "forge-listener",
            "getForgeEnvironmentName",
            "staging is an environment",
            "staging",
            name="staging",
        ),
        case(
            "forge-listener",
            "getForgeEnvironmentName",
            "production is an environment",
            "production",
            name="production",
        ),
        case(
            "forge-listener",
            "getForgeEnvironmentName",
            "custom environment names are allowed",
            "harbour-test",
            name="custom",
        ),
    ],
)
def test_environments(register_forge: Callable[..., ForgeMigration], environment: str) -> None:
    forge = register_forge(environment=environment)
    forge.begin()
    assert forge.view()["environment"] == environment


@statement(
    "vendor-practice",
    "Environments",
    "environment names are lower case: PRODUCTION is called out, not swallowed",
)
def test_upper_case(register_forge: Callable[..., ForgeMigration]) -> None:
    forge = register_forge()
    registration = {**forge.registration, "environment": "PRODUCTION"}
    refusal = forge.admin.refused(400, "POST", "/admin/v1/apps", registration)
    assert "production" in refusal["fix"]


@statement("forge-listener", "createAppData", "each file gives one event when it is closed")
def test_one_event_for_one_file(forge: ForgeMigration) -> None:
    receipt = forge.upload()
    assert [event["key"] for event in forge.events(UPLOADED)] == [receipt["key"]]


@statement(
    "export-app-data",
    "Export app data",
    "the event is sent when the upload is complete, and not before",
)
def test_no_event_before(forge: ForgeMigration) -> None:
    data = b"not yet"
    upload = forge.export("/app-data", body={}).json
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    own = f"/server/v1/uploads/{upload['uploadId']}"
    [signed] = forge.server.ok("POST", f"{own}/parts", {"parts": [part]})["parts"]
    put = forge.fetch(signed["url"], signed["method"], data, signed["headers"])
    assert forge.events(UPLOADED) == []
    stored = {**part, "etag": put.headers["etag"].strip('"')}
    forge.server.ok("POST", f"{own}/complete", {"parts": [stored]})
    assert len(forge.events(UPLOADED)) == 1


@statement(
    "export-app-data",
    "Export app data",
    "several files are uploaded in parallel and may end in any order",
)
def test_in_parallel(forge: ForgeMigration) -> None:
    data = b"0123456789"
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    begun = [forge.export("/app-data", body={"label": str(n)}).json for n in range(3)]
    for upload in reversed(begun):
        own = f"/server/v1/uploads/{upload['uploadId']}"
        [signed] = forge.server.ok("POST", f"{own}/parts", {"parts": [part]})["parts"]
        put = forge.fetch(signed["url"], signed["method"], data, signed["headers"])
        stored = {**part, "etag": put.headers["etag"].strip('"')}
        forge.server.ok("POST", f"{own}/complete", {"parts": [stored]})
    labels = {item["label"] for item in forge.ok("GET", f"/data/{forge.transfer_id}/all")}
    assert labels == {"0", "1", "2"}


@statement("export-app-data", "Export app data", "a label is optional and free text")
def test_labels(forge: ForgeMigration) -> None:
    texts = ["some-optional-label", "", "a b/c?&=%", "\N{SNOWMAN}", None]
    receipts = [forge.upload(text) for text in texts]
    assert [receipt["label"] for receipt in receipts] == texts


@statement("export-app-data", "Export app data", "data is binary: what is read is what was written")
def test_binary(forge: ForgeMigration) -> None:
    data = bytes(range(256)) * 1_000
    key = forge.upload(data=data)["key"]
    assert forge.call("GET", f"/data/{key}/payload").body == data


@statement("export-app-data", "Export app data", "an empty file is a file")
def test_empty(forge: ForgeMigration) -> None:
    key = forge.upload(data=b"")["key"]
    reply = forge.call("GET", f"/data/{key}/payload")
    assert (reply.status, reply.body) == (200, b"")


@statement(
    "export-app-data",
    "See an example",
    "a file has up to 50 GB, as this page says; other pages say 5 and 25, so it is a setting",
)
def test_fifty_gigabytes(forge: ForgeMigration) -> None:
    def refusal(size: int) -> str:
        upload = forge.export("/app-data", body={}).json
        whole, rest = divmod(size, 1 << 30)
        sizes = [1 << 30] * whole + [rest]
        digest = sha256(b"").hexdigest()
        parts = [
            {"number": number, "size": each, "sha256": digest, "etag": digest}
            for number, each in enumerate(sizes, 1)
        ]
        path = f"/server/v1/uploads/{upload['uploadId']}/complete"
        reply = forge.server.call("POST", path, {"parts": parts})
        return str(problem(reply)["code"])

    assert refusal(50_000_000_001) == "file_too_large"
    assert refusal(50_000_000_000) != "file_too_large"


@statement(
    "forge-openapi",
    "InitializeUploadResponse",
    "beginning an upload gives an uploadId",
)
def test_upload_id(forge: ForgeMigration) -> None:
    assert is_uuid(forge.export("/app-data", body={"label": "x"}).json["uploadId"])


@statement(
    "forge-openapi",
    "GetUploadUrlRequest",
    "a part's URL takes exactly the bytes that its digest and length were given for",
)
def test_part_is_checked(forge: ForgeMigration) -> None:
    data = b"the right bytes"
    upload = forge.export("/app-data", body={}).json
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    path = f"/server/v1/uploads/{upload['uploadId']}/parts"
    [signed] = forge.server.ok("POST", path, {"parts": [part]})["parts"]
    for wrong in (b"the wrong bytes", b"the right byte", b"the right bytes!"):
        headers = {**signed["headers"], "Content-Length": str(len(wrong))}
        assert 400 <= forge.fetch(signed["url"], "PUT", wrong, headers).status < 500
    assert forge.fetch(signed["url"], "PUT", data, signed["headers"]).status == 200


@statement(
    "forge-openapi",
    "FinalizeUploadRequest",
    "saying twice that an upload is complete is one file and one event",
)
def test_complete_twice(forge: ForgeMigration) -> None:
    data = b"once"
    upload = forge.export("/app-data", body={}).json
    part = {"number": 1, "size": len(data), "sha256": sha256(data).hexdigest()}
    own = f"/server/v1/uploads/{upload['uploadId']}"
    [signed] = forge.server.ok("POST", f"{own}/parts", {"parts": [part]})["parts"]
    put = forge.fetch(signed["url"], signed["method"], data, signed["headers"])
    stored = {"parts": [{**part, "etag": put.headers["etag"].strip('"')}]}
    first = forge.server.ok("POST", f"{own}/complete", stored)
    assert forge.server.ok("POST", f"{own}/complete", stored) == first
    assert len(forge.events(UPLOADED)) == 1


@statement("forge-listener", "completeExport", "it emits completed:export_phase, once")
def test_complete_export(forge: ForgeMigration) -> None:
    forge.upload()
    forge.complete_export()
    forge.complete_export()
    assert len(forge.events(EXPORTED)) == 1


@statement("forge-listener", "getMappingById", "the server side finds mappings by their keys")
def test_find_on_the_server(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "2"))
    reply = forge.export("/mappings/find?namespace=jira:issue", body=["1", "9"])
    assert (reply.status, reply.json) == (200, {"1": "2"})


@statement("forge-listener", "getPaginatedMapping", "the server side pages through mappings")
def test_page_on_the_server(forge: ForgeMigration) -> None:
    forge.load(("jira:issue", "1", "11"), ("jira:issue", "2", "12"))
    first = forge.export("/mappings/page?namespace=jira:issue&pageSize=1", "GET").json
    last = first["meta"]["lastEntity"]
    second = forge.export(f"/mappings/page?namespace=jira:issue&lastEntity={last}", "GET").json
    assert {**first["items"], **second["items"]} == {"1": "11", "2": "12"}


@statement("mapping-page-size", "Change", "a page of mappings on the server side has at most 1200")
def test_page_limit_on_the_server(forge: ForgeMigration) -> None:
    for size, status in ((1_200, 200), (1_201, 400)):
        path = f"/mappings/page?namespace=jira:issue&pageSize={size}"
        assert forge.export(path, "GET").status == status


@statement("forge-listener", "getPaginatedContainers", "the server side pages through containers")
def test_containers_on_the_server(forge: ForgeMigration) -> None:
    found = forge.export("/containers/page?containerType=JiraProject", "GET").json
    assert [item["key"] for item in found["containers"]] == ["HAR"]


@statement(
    "server-exceptions",
    "What happens",
    "an exception from the listener is announced by errored:listener",
)
def test_an_exception(forge: ForgeMigration) -> None:
    forge.throw()
    assert len(forge.events(ERRORED)) == 1


@statement("server-exceptions", "What happens", "reporting the same exception twice is one event")
def test_an_exception_twice(forge: ForgeMigration) -> None:
    forge.throw()
    forge.throw()
    assert len(forge.events(ERRORED)) == 1


@statement("transfers", "Events", "the cloud app is told once that the listener was triggered")
def test_triggered_once(forge: ForgeMigration) -> None:
    forge.claim()
    assert len(forge.events(TRIGGERED)) == 1


@statement("forge-listener", "Gateway", "only the server app's own token opens its gateway")
def test_server_token(forge: ForgeMigration, register_forge: Callable[..., ForgeMigration]) -> None:
    stranger = register_forge()
    path = f"/server/v1/transfers/{forge.transfer_id}/app-data"
    assert stranger.server.call("POST", path, {}).status == 404
    for token in (None, "nonsense", forge.tokens["cloudToken"]):
        assert forge.platform.caller(token).call("POST", path, {}).status == 401


@statement("forge-listener", "Gateway", "a gateway without a transfer that exists is refused")
def test_unknown_transfer(forge: ForgeMigration) -> None:
    forge.transfer_id = str(uuid4())
    assert forge.export("/app-data", body={}).status == 404
    assert forge.export("/complete-export").status == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        case(
            "vendor-practice",
            "Manifest",
            "a migration: module never gets events, so it is refused when the app is registered",
            {"modules": {"migration": [{"key": "m", "listenerTriggered": {"function": "f"}}]}},
            "manifest_migration_module",
            name="migration-module",
        ),
        case(
            "forge-events",
            "Event types",
            "an event that does not exist is refused in a manifest",
            {
                "modules": {
                    "function": [{"key": "f", "handler": "index.run"}],
                    "trigger": [
                        {"key": "t", "function": "f", "events": [f"{UPLOADED}_typo"]},
                    ],
                }
            },
            "manifest_unknown_event",
            name="unknown-event",
        ),
        case(
            "forge-events",
            "Add Forge function and trigger to the manifest",
            "a trigger names a function that the manifest has",
            {
                "modules": {
                    "function": [{"key": "f", "handler": "index.run"}],
                    "trigger": [{"key": "t", "function": "g", "events": [UPLOADED]}],
                }
            },
            "manifest_unknown_function",
            name="unknown-function",
        ),
    ],
)
def test_manifests(forge: ForgeMigration, change: dict[str, Any], code: str) -> None:
    registration = {**forge.registration, "manifest": change}
    assert forge.admin.refused(400, "POST", "/admin/v1/apps", registration)["code"] == code

"""Connect REST, call by call, at the base path of either product."""

from collections.abc import Callable
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.contract.statements import case, statement
from tests.kit.migration import DAY, LISTENER_ERROR
from tests.kit.remote_app import ConnectMigration, is_uuid

ISSUES = [("jira:issue", str(10_000 + n), str(20_000 + n)) for n in range(3)]
CUT = "<truncated, message too large>"


@statement(
    "connect-rest", "Notification API, GET /webhook", "the answer is an object with endpoints"
)
def test_get_webhook(connect: ConnectMigration) -> None:
    assert connect.ok("GET", "/webhook") == {"endpoints": []}


@statement(
    "connect-rest", "Notification API, PUT /webhook", "the answer repeats the body, with 200"
)
def test_put_webhook(connect: ConnectMigration) -> None:
    body = {"endpoints": [f"{connect.inbox.url}/hook", f"{connect.inbox.url}/other?a=b"]}
    assert connect.ok("PUT", "/webhook", body) == body
    assert connect.ok("GET", "/webhook") == body


@statement("connect-rest", "Notification API, PUT /webhook", "PUT replaces the whole set")
def test_put_replaces(connect: ConnectMigration) -> None:
    connect.ok("PUT", "/webhook", {"endpoints": [f"{connect.inbox.url}/old"]})
    connect.ok("PUT", "/webhook", {"endpoints": [f"{connect.inbox.url}/new"]})
    assert connect.ok("GET", "/webhook") == {"endpoints": [f"{connect.inbox.url}/new"]}


@statement("connect-openapi", "PUT /webhook", "five addresses may be registered")
def test_five_webhooks(connect: ConnectMigration) -> None:
    body = {"endpoints": [f"{connect.inbox.url}/{n}" for n in range(5)]}
    assert connect.ok("PUT", "/webhook", body) == body


@statement("connect-openapi", "PUT /webhook", "more than five addresses are refused by 400")
def test_six_webhooks(connect: ConnectMigration) -> None:
    connect.refused(
        400, "PUT", "/webhook", {"endpoints": [f"https://a.example/{n}" for n in "123456"]}
    )
    assert connect.ok("GET", "/webhook") == {"endpoints": []}


@statement("connect-openapi", "PUT /webhook", "an address that is not an absolute URL gets 400")
def test_invalid_webhooks(connect: ConnectMigration) -> None:
    for url in ("", "/hook", "app.example/hook", "ftp://app.example/hook", None, 1):
        connect.refused(400, "PUT", "/webhook", {"endpoints": [url]})


@statement("vendor-practice", "Webhooks", "PUT of an empty list clears the addresses")
def test_clear_by_put(connect: ConnectMigration) -> None:
    connect.ok("PUT", "/webhook", {"endpoints": [connect.inbox.url]})
    assert connect.ok("PUT", "/webhook", {"endpoints": []}) == {"endpoints": []}
    assert connect.ok("GET", "/webhook") == {"endpoints": []}


@statement("connect-events", "Webhooks", "DELETE clears the addresses, as the older page has it")
def test_clear_by_delete(connect: ConnectMigration) -> None:
    connect.ok("PUT", "/webhook", {"endpoints": [connect.inbox.url]})
    assert connect.call("DELETE", "/webhook").status == 200
    assert connect.ok("GET", "/webhook") == {"endpoints": []}


@statement("connect-rest", "Status API, POST /progress", "the answer repeats what was reported")
def test_progress(connect: ConnectMigration) -> None:
    report = {"status": "IN_PROGRESS", "percent": 30, "message": "30 of 100 issues"}
    assert connect.ok("POST", f"/progress/{connect.transfer_id}", report) == report
    assert connect.view()["progress"] == 30
    assert connect.view()["statusMessage"] == "30 of 100 issues"


@pytest.mark.parametrize(
    ("status", "final"),
    [
        case(
            "connect-rest",
            "Status API, POST /progress",
            "IN_PROGRESS says that the app is at work, and settles nothing",
            "IN_PROGRESS",
            False,
            name="IN_PROGRESS",
        ),
        case(
            "connect-rest",
            "Status API, POST /progress",
            "SUCCESS settles the transfer as SUCCESS",
            "SUCCESS",
            True,
            name="SUCCESS",
        ),
        case(
            "connect-rest",
            "Status API, POST /progress",
            "FAILED settles the transfer as FAILED",
            "FAILED",
            True,
            name="FAILED",
        ),
        case(
            "connect-rest",
            "Status API, POST /progress",
            "INCOMPLETE settles the transfer as INCOMPLETE",
            "INCOMPLETE",
            True,
            name="INCOMPLETE",
        ),
    ],
)
def test_statuses(connect: ConnectMigration, status: str, final: bool) -> None:
    connect.report(status)
    assert connect.status == status
    again = connect.call("POST", f"/progress/{connect.transfer_id}", {"status": "IN_PROGRESS"})
    assert again.status == (403 if final else 200)


@statement("connect-openapi", "POST /progress", "status is required: null or absent gets 400")
def test_status_is_required(connect: ConnectMigration) -> None:
    for body in ({}, {"status": None}, {"percent": 5}, {"status": "DONE"}, {"status": "success"}):
        connect.refused(400, "POST", f"/progress/{connect.transfer_id}", body)


@statement(
    "deprecations", "Status API", "the names are status and message; the older ones count not"
)
def test_old_names(connect: ConnectMigration) -> None:
    body = {"progressStatus": "SUCCESS", "statusMessage": "x"}
    connect.refused(400, "POST", f"/progress/{connect.transfer_id}", body)
    assert connect.status == "IN_PROGRESS"


@statement("connect-openapi", "POST /progress", "percent is a whole number from 0 to 100, else 400")
def test_percent(connect: ConnectMigration) -> None:
    for percent in (-1, 101, 1.5, "half"):
        body = {"status": "IN_PROGRESS", "percent": percent}
        connect.refused(400, "POST", f"/progress/{connect.transfer_id}", body)
    connect.report(percent=99)
    assert connect.view()["progress"] == 99


@statement("connect-progress", "Percent", "percent 0 keeps the value before")
def test_percent_zero(connect: ConnectMigration) -> None:
    connect.report(percent=40)
    connect.report(percent=0, message="going on")
    assert (connect.view()["progress"], connect.view()["statusMessage"]) == (40, "going on")


@statement("connect-progress", "Percent", "without percent the value before is kept")
def test_percent_absent(connect: ConnectMigration) -> None:
    connect.report(percent=40)
    connect.report(message="going on")
    assert (connect.view()["progress"], connect.view()["statusMessage"]) == (40, "going on")


@statement("connect-progress", "Percent", "an update with a lower percent is ignored, with 200")
def test_percent_lower(connect: ConnectMigration) -> None:
    connect.report(percent=40, message="before")
    connect.report(percent=39, message="a step back")
    assert (connect.view()["progress"], connect.view()["statusMessage"]) == (40, "before")


@statement("connect-progress", "Percent", "SUCCESS is 100 percent")
def test_percent_success(connect: ConnectMigration) -> None:
    connect.report("SUCCESS", percent=100)
    assert connect.view()["progress"] == 100


@statement("connect-openapi", "POST /progress", "a message of 65,536 characters is kept whole")
def test_message(connect: ConnectMigration) -> None:
    assert connect.report(message="x" * 65_536)["message"] == "x" * 65_536


@statement("connect-openapi", "POST /progress", "a longer message is cut, and a note says so")
def test_message_cut(connect: ConnectMigration) -> None:
    connect.report(message="x" * 65_537)
    assert connect.view()["statusMessage"] == "x" * 65_536 + CUT


@statement("connect-progress", "Message", "links in a message stay as the app wrote them")
def test_message_links(connect: ConnectMigration) -> None:
    text = "see {{link:https://app.example/report}} for more"
    connect.report(message=text)
    assert connect.view()["statusMessage"] == text


@statement("connect-progress", "Time limit", "reporting after 14 days gets 400: the time is over")
def test_progress_expired(connect: ConnectMigration) -> None:
    connect.advance_to(14 * DAY)
    connect.refused(400, "POST", f"/progress/{connect.transfer_id}", {"status": "SUCCESS"})
    assert connect.status == "TIMED_OUT"


@statement("connect-openapi", "POST /progress", "reporting on a transfer that is unknown gets 403")
def test_progress_unknown(connect: ConnectMigration) -> None:
    for unknown in (str(uuid4()), "none"):
        connect.refused(403, "POST", f"/progress/{unknown}", {"status": "IN_PROGRESS"})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        case(
            "export-app-data",
            "About the App data retrieval API, Limits",
            "once the transfer is settled the list of app data gets 403",
            "GET",
            "/data/{transfer}/all",
            None,
            name="all",
        ),
        case(
            "export-app-data",
            "About the App data retrieval API, Limits",
            "once the transfer is settled a file's URL gets 403",
            "GET",
            "/data/{key}",
            None,
            name="url",
        ),
        case(
            "connect-rest",
            "Status API, POST /progress",
            "once the transfer is settled reporting gets 403",
            "POST",
            "/progress/{transfer}",
            {"status": "SUCCESS"},
            name="progress",
        ),
        case(
            "connect-rest",
            "Mapping API, POST /find",
            "once the transfer is settled finding mappings gets 403",
            "POST",
            "/mapping/{transfer}/find?namespace=jira:issue",
            ["1"],
            name="find",
        ),
        case(
            "connect-rest",
            "Mapping API, GET /page",
            "once the transfer is settled a page of mappings gets 403",
            "GET",
            "/mapping/{transfer}/page?namespace=jira:issue",
            None,
            name="page",
        ),
        case(
            "connect-rest",
            "Transfer retrieval API, GET /container",
            "once the transfer is settled a page of containers gets 403",
            "GET",
            "/container/{transfer}/page?containerType=Site",
            None,
            name="container",
        ),
        case(
            "connect-rest",
            "Feedback channel API",
            "once the transfer is settled feedback gets 403",
            "POST",
            "/feedback/{transfer}",
            {"details": {}},
            name="feedback",
        ),
        case(
            "connect-rest",
            "Error retrieval API",
            "once the transfer is settled its error gets 403",
            "GET",
            "/error/{transfer}",
            None,
            name="error",
        ),
    ],
)
def test_settled(connect: ConnectMigration, method: str, path: str, body: object) -> None:
    key = connect.upload()["key"]
    connect.throw()
    own = path.format(transfer=connect.transfer_id, key=key)
    assert (
        connect.call(method, own, {"status": "IN_PROGRESS"} if "prog" in path else body).status
        == 200
    )
    connect.report("SUCCESS")
    connect.refused(403, method, own, body)


@statement("connect-rest", "Mapping API, POST /find", "the answer maps server keys to cloud keys")
def test_find(connect: ConnectMigration) -> None:
    connect.load(*ISSUES)
    path = f"/mapping/{connect.transfer_id}/find?namespace=jira:issue"
    assert connect.ok("POST", path, ["10000", "10002"]) == {"10000": "20000", "10002": "20002"}


@statement("connect-rest", "Mapping API, POST /find", "keys that have no mapping are absent")
def test_find_unmapped(connect: ConnectMigration) -> None:
    path = f"/mapping/{connect.transfer_id}/find?namespace=jira:issue"
    assert connect.ok("POST", path, ["10000", "10001"]) == {}


@statement("connect-openapi", "POST /mapping/{transferId}/find", "null or empty items get 400")
def test_find_null(connect: ConnectMigration) -> None:
    for body in ([None], [""], ["1", None], ["1", ""]):
        path = f"/mapping/{connect.transfer_id}/find?namespace=jira:issue"
        connect.refused(400, "POST", path, body)


@statement("connect-rest", "Mapping API, GET /page", "the answer has meta and items")
def test_page(connect: ConnectMigration) -> None:
    connect.load(*ISSUES)
    found = connect.ok("GET", f"/mapping/{connect.transfer_id}/page?namespace=jira:issue")
    assert found == {
        "meta": {"pageSize": 1_200, "hasNext": False, "lastEntity": None},
        "items": {key: value for _, key, value in ISSUES},
    }


@statement("connect-rest", "Mapping API, GET /page", "lastEntity of a page asks for the next one")
def test_pages(connect: ConnectMigration) -> None:
    connect.load(*ISSUES)
    path = f"/mapping/{connect.transfer_id}/page?namespace=jira:issue&pageSize=2"
    first = connect.ok("GET", path)
    last = quote(first["meta"]["lastEntity"], safe="")
    second = connect.ok("GET", f"{path}&lastEntity={last}")
    assert first["meta"]["hasNext"] is True
    assert second["meta"] == {"pageSize": 2, "hasNext": False, "lastEntity": None}
    assert {**first["items"], **second["items"]} == {key: value for _, key, value in ISSUES}


@statement("connect-openapi", "GET /mapping/{transferId}/page", "an invalid pageSize gets 400")
def test_page_sizes(connect: ConnectMigration) -> None:
    for size in ("0", "-1", "1201", "5000", "x"):
        path = f"/mapping/{connect.transfer_id}/page?namespace=jira:issue&pageSize={size}"
        connect.refused(400, "GET", path)


@statement(
    "export-app-data",
    "Retrieve list of exported app data",
    "the answer is an array; the sample's braces around it are no JSON",
)
def test_all(connect: ConnectMigration) -> None:
    keys = {connect.upload()["key"] for _ in range(2)}
    found = connect.ok("GET", f"/data/{connect.transfer_id}/all")
    assert isinstance(found, list)
    assert {item["s3Key"] for item in found} == keys


@statement(
    "export-app-data",
    "Retrieve list of exported app data",
    "an item is s3Key and label, and s3Key alone without a label",
)
def test_items(connect: ConnectMigration) -> None:
    one, two = connect.upload("my-data-export")["key"], connect.upload()["key"]
    found = connect.ok("GET", f"/data/{connect.transfer_id}/all")
    wanted = [{"s3Key": one, "label": "my-data-export"}, {"s3Key": two}]
    assert sorted(found, key=len, reverse=True) == wanted


@statement(
    "export-app-data",
    "Retrieve a S3 URL for a s3key",
    "a Connect app gets url, and downloads the file there",
)
def test_url(connect: ConnectMigration) -> None:
    found = connect.ok("GET", f"/data/{connect.upload(data=b'bytes')['key']}")
    assert set(found) == {"url"}
    assert connect.fetch(found["url"]).body == b"bytes"


@statement("connect-openapi", "GET /data/{s3Key}", "a file that does not exist gets 404")
def test_unknown_file(connect: ConnectMigration) -> None:
    connect.refused(404, "GET", f"/data/{uuid4()}")


@statement("connect-rest", "Transfer retrieval API, GET /transfer/recent", "an item's members")
def test_recent(connect: ConnectMigration) -> None:
    [found] = connect.ok("GET", "/transfer/recent")
    assert set(found) == {"migrationDetails", "transferId", "status"}
    assert found["transferId"] == connect.transfer_id


@statement(
    "connect-openapi",
    "GET /transfer/recent",
    "only active transfers are listed: IN_PROGRESS and CANCELLATION_REQUESTED",
)
def test_recent_statuses(connect: ConnectMigration) -> None:
    first = connect.transfer_id
    connect.begin()
    connect.cancel()
    connect.begin()
    connect.report("SUCCESS")
    found = {each["transferId"]: each["status"] for each in connect.ok("GET", "/transfer/recent")}
    assert sorted(found.values()) == ["CANCELLATION_REQUESTED", "IN_PROGRESS"]
    assert found[first] == "IN_PROGRESS"


@statement("connect-rest", "Transfer retrieval API, GET /transfer/recent", "newest ones come first")
def test_recent_order(connect: ConnectMigration) -> None:
    begun = [connect.transfer_id]
    for _ in range(2):
        connect.begin()
        begun.insert(0, connect.transfer_id)
    assert [each["transferId"] for each in connect.ok("GET", "/transfer/recent")] == begun


@statement("connect-rest", "Transfer retrieval API, GET /transfer/recent", "at most 100 are listed")
def test_recent_limit(register_connect: Callable[..., ConnectMigration]) -> None:
    connect = register_connect()
    connect.begin()
    connect.create()
    connect.start()
    definitions = [{"transferName": f"part {number}"} for number in range(100)]
    for _ in definitions:
        # What it runs is not handed to it again, however long it has not confirmed it.
        fields = {"transferDefinitions": definitions, "running": connect.begun}
        connect.begun.append(connect.claim(**fields)["transferId"])
    assert len(set(connect.begun)) == 101
    assert len(connect.ok("GET", "/transfer/recent")) == 100


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        case(
            "connect-openapi",
            "JiraProjectContainerV1",
            "a project is key, type and sourceId",
            "JiraProject",
            [{"type": "JiraProject", "key": "HAR", "sourceId": "10000"}],
            name="JiraProject",
        ),
        case(
            "connect-openapi",
            "ConfluenceSpaceContainerV1",
            "without a selected space the list of spaces is empty",
            "ConfluenceSpace",
            [],
            name="ConfluenceSpace",
        ),
        case(
            "connect-openapi",
            "UserSelectionContainerV1",
            "a site is type and selectedUsers",
            "Site",
            [{"type": "Site", "selectedUsers": "ALL_USERS"}],
            name="Site",
        ),
    ],
)
def test_containers(connect: ConnectMigration, kind: str, expected: list[dict[str, str]]) -> None:
    found = connect.ok("GET", f"/container/{connect.transfer_id}/page?containerType={kind}")
    assert found["containers"] == expected
    assert found["meta"]["pageSize"] == 250
    assert found["meta"]["hasNext"] is False


@statement(
    "connect-openapi", "GET /container/{transferId}/page", "other sizes than 1 to 250 get 400"
)
def test_container_sizes(connect: ConnectMigration) -> None:
    for size in ("0", "251", "x"):
        path = f"/container/{connect.transfer_id}/page?containerType=Site&pageSize={size}"
        connect.refused(400, "GET", path)


@statement("connect-rest", "Feedback channel API", "leaving feedback is answered 200 and empty")
def test_feedback(connect: ConnectMigration) -> None:
    reply = connect.call("POST", f"/feedback/{connect.transfer_id}", {"details": {"a": "b"}})
    assert (reply.status, reply.body) == (200, b"")


@statement("feedback", "Read feedback", "the server app reads what was left, any keys and values")
def test_feedback_is_read(connect: ConnectMigration) -> None:
    details = {"errors": 3, "names": ["Zürich", None], "deep": {"a": [True]}}
    connect.ok("POST", f"/feedback/{connect.transfer_id}", {"details": details})
    assert connect.export("/feedback", "GET").json == details


@statement("feedback", "Send feedback", "new feedback takes the place of the old")
def test_feedback_again(connect: ConnectMigration) -> None:
    for number in (1, 2):
        connect.ok("POST", f"/feedback/{connect.transfer_id}", {"details": {"n": number}})
    assert connect.export("/feedback", "GET").json == {"n": 2}


@statement("feedback", "Read feedback", "without any feedback the reader gets 404")
def test_no_feedback(connect: ConnectMigration) -> None:
    assert connect.export("/feedback", "GET").status == 404


@statement("connect-openapi", "POST /feedback/{transferId}", "feedback without details gets 400")
def test_feedback_without_details(connect: ConnectMigration) -> None:
    bodies: list[object] = [{}, {"details": None}, {"details": "text"}, []]
    for body in bodies:
        connect.refused(400, "POST", f"/feedback/{connect.transfer_id}", body)


@statement("connect-rest", "Error retrieval API", "the answer is exceptionType and safeStackTrace")
def test_error(connect: ConnectMigration) -> None:
    connect.throw()
    assert connect.ok("GET", f"/error/{connect.transfer_id}") == LISTENER_ERROR


@statement("connect-openapi", "GET /error/{transferId}", "a transfer without an error gets 404")
def test_no_error(connect: ConnectMigration) -> None:
    connect.refused(404, "GET", f"/error/{connect.transfer_id}")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        case(
            "connect-webhooks",
            "Payload",
            "jiraClientKey of a product that is not there is the string unknown",
            "jiraClientKey",
            "unknown",
            name="jiraClientKey",
        ),
        case(
            "connect-webhooks",
            "Payload",
            "confluenceClientKey of a product that is not there is the string unknown",
            "confluenceClientKey",
            "unknown",
            name="confluenceClientKey",
        ),
        case(
            "connect-rest",
            "Transfer retrieval API, GET /transfer/recent",
            "cloudUrl of a recent transfer is its destination",
            "cloudUrl",
            "https://harbour.example",
            name="cloudUrl",
        ),
    ],
)
def test_details(connect: ConnectMigration, member: str, value: str) -> None:
    [found] = connect.ok("GET", "/transfer/recent")
    assert found["migrationDetails"][member] == value


@statement(
    "connect-openapi",
    "MigrationDetails",
    "createdAt is epoch milliseconds; one page's example has seconds",
)
def test_created_at(connect: ConnectMigration) -> None:
    [found] = connect.ok("GET", "/transfer/recent")
    details = found["migrationDetails"]
    assert type(details["createdAt"]) is int
    assert len(str(details["createdAt"])) == 13
    assert is_uuid(details["migrationId"])


@statement(
    "export-app-data", "About the App data retrieval API, Limits", "12 days hold here as well"
)
def test_twelve_days(connect: ConnectMigration) -> None:
    key = connect.upload()["key"]
    connect.advance_to(12 * DAY - 5)
    assert connect.ok("GET", f"/data/{key}")["url"]
    connect.advance_to(12 * DAY)
    assert 400 <= connect.call("GET", f"/data/{key}").status < 500
    assert connect.ok("GET", f"/mapping/{connect.transfer_id}/page?namespace=jira:issue")


@statement(
    "export-app-data", "Retrieve list of exported app data", "expired transfers get a 4XX here"
)
def test_expired(connect: ConnectMigration) -> None:
    key = connect.upload()["key"]
    connect.advance_to(14 * DAY)
    for path in (
        f"/data/{connect.transfer_id}/all",
        f"/data/{key}",
        f"/error/{connect.transfer_id}",
    ):
        assert 400 <= connect.call("GET", path).status < 500

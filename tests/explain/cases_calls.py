"""Calls of the cloud app that fail, and calls that it does not make."""

import time

from tests.explain.apps import WRONG_ID, Apps
from tests.explain.cases import acknowledge, breaks, connected, exported
from tests.kit.remote_app import RemoteMigration

ACKNOWLEDGES_FIRST = """\
    if "uploaded" in event["eventType"]:
        with Migration() as migration:
            migration.message_processed(event["transferId"], event["messageId"])
        raise ValueError("the space is full")
""".strip()

# What the app calls.


@breaks("calls", "mapping_key_form", "confluence.userkey/")
def a_mapping_is_asked_for_by_the_wrong_key(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.load(("identity:user", "confluence.userkey/abc", "557058:1"))
    path = f"/mapping/{migration.transfer_id}/find?namespace=identity%3Auser"
    assert migration.ok("POST", path, ["jsmith"]) == {}
    return migration


@breaks("calls", "access_scope_missing", "get_data_access_scopes()")
def the_app_may_not_read_people(apps: Apps) -> RemoteMigration:
    migration = apps.forge(accessScopes=["APP_DATA_OTHER"])
    exported(migration)
    path = f"/mapping/{migration.transfer_id}/find?namespace=identity%3Auser"
    migration.refused(403, "POST", path, ["confluence.userkey/abc"])
    return migration


@breaks("calls", "message_not_found", "Take the id from the")
def the_app_acknowledges_another_id(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    assert acknowledge(migration, migration.cloud, WRONG_ID) == "message_not_found"
    return migration


@breaks("calls", "request_invalid", "/docs")
def the_app_acknowledges_in_the_wrong_form(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    path = f"/message/{migration.transfer_id}/status"
    migration.refused(400, "POST", path, {"status": "DONE", "messageIds": [WRONG_ID]})
    return migration


@breaks("calls", "other_apps_token", "Call with the token of")
def the_app_acknowledges_with_the_token_of_another(apps: Apps) -> RemoteMigration:
    migration, other = exported(apps.forge()), apps.forge()
    assert acknowledge(migration, other.cloud, WRONG_ID) == "transfer_not_found"
    return migration


@breaks("calls", "other_apps_token", "@production")
def the_app_calls_with_the_token_of_another_environment(apps: Apps) -> RemoteMigration:
    migration = apps.forge(environment="production")
    other = {**migration.registration, "environment": "staging"}
    token = migration.admin.ok("POST", "/admin/v1/apps", other)["cloudToken"]
    exported(migration, apps=[f"{migration.registration['cloudAppKey']}@production"])
    reply = apps.platform.caller(token).call(
        "GET", f"/app/migration/forge/v1/data/{migration.transfer_id}/all"
    )
    assert reply.status == 404
    return migration


@breaks("calls", "token_invalid", "cloudToken")
def the_app_calls_with_the_server_token(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    assert acknowledge(migration, migration.server, WRONG_ID) == "token_invalid"
    return migration


@breaks("calls", "connect_apps_only", "Forge surface")
def a_forge_app_calls_the_connect_surface(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    path = f"/rest/atlassian-connect/1/migration/data/{migration.transfer_id}/all"
    assert migration.cloud.call("GET", path).status == 403
    return migration


@breaks("calls", "rate_limited", "Retry-After")
def the_app_is_limited_in_its_calls(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    until = time.monotonic() + 90
    while migration.call("GET", f"/data/{migration.transfer_id}/all").status != 429:
        assert time.monotonic() < until
    return migration


@breaks("calls", "acknowledged_too_late", "windowSeconds")
def the_window_is_shorter_than_the_processing(apps: Apps) -> RemoteMigration:
    migration = apps.forge(windowSeconds=60)
    migration.begin()
    message = migration.upload()["messageId"]
    migration.complete_export()
    migration.advance(minutes=2)
    assert acknowledge(migration, migration.cloud, message) == "transfer_settled"
    return migration


@breaks("calls", "percent_invalid", "Leave it out")
def the_percent_is_beyond_a_hundred(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.refused(
        400, "POST", f"/progress/{migration.transfer_id}", {"status": "IN_PROGRESS", "percent": 150}
    )
    return migration


@breaks("calls", "request_invalid", "/docs")
def the_status_of_a_report_is_no_status(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.refused(400, "POST", f"/progress/{migration.transfer_id}", {"status": "DONE"})
    return migration


@breaks("calls", "jwt_invalid", "sharedSecret from the latest installation")
def the_app_signs_with_an_old_secret(apps: Apps) -> RemoteMigration:
    migration, old = apps.installed()
    migration.admin.ok("POST", f"/admin/v1/apps/{migration.registration['cloudAppKey']}/install")
    new = apps.secret_of(migration)
    new.ok("PUT", "/webhook", {"endpoints": [migration.inbox.url]})
    migration.begin()
    migration.confirm()
    migration.advance(minutes=20)
    assert old.refused(401, "POST", f"/progress/{migration.transfer_id}", {}) == "jwt_invalid"
    return migration


@breaks("calls", "jwt_qsh_mismatch", "METHOD&path&query")
def the_app_signs_another_path(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    reply = migration.call("GET", "/transfer/recent", qsh="0" * 64)
    assert reply.status == 401
    return migration


# What it does not do.


@breaks("acknowledgement", "unacknowledged", "message_processed")
def half_of_the_time_to_acknowledge_is_over(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    migration.advance(minutes=8)
    return migration


@breaks("acknowledgement", "returned_unacknowledged", "ferryman message redeliver")
def the_function_returns_without_acknowledging(apps: Apps) -> RemoteMigration:
    return exported(apps.function("return"))


@breaks("acknowledgement", "returned_unacknowledged", "before it returns")
def the_function_never_acknowledges(apps: Apps) -> RemoteMigration:
    migration = exported(apps.function("return"))
    migration.advance(minutes=16)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("handler", "failed_after_acknowledgement", "the last step")
def the_handler_fails_after_its_acknowledgement(apps: Apps) -> RemoteMigration:
    migration = exported(apps.function(ACKNOWLEDGES_FIRST))
    assert migration.status == "SUCCESS"
    return migration


@breaks("acknowledgement", "never_acknowledged", "windowSeconds")
def the_handler_never_acknowledges(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    migration.advance(minutes=16)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("acknowledgement", "acknowledged_failed", "ferryman transfer rerun")
def the_app_says_that_a_file_failed(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.finish("FAILED")
    return migration


@breaks("progress", "percent_ignored", "never go down")
def the_percent_goes_down(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.report(percent=50)
    migration.advance(minutes=1)
    migration.report(percent=20)
    return migration


@breaks("progress", "never_settled", "POST /progress/")
def the_connect_app_never_settles(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.report(percent=99)
    migration.advance(minutes=20)
    return migration


@breaks("progress", "never_settled", "SUCCESS, FAILED or INCOMPLETE")
def the_fourteen_days_are_over(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.advance(minutes=14 * 24 * 60 + 1)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("progress", "settled_by_app", "ferryman transfer rerun")
def the_connect_app_reports_failure(apps: Apps) -> RemoteMigration:
    migration = connected(apps)
    migration.report("FAILED", message="the space is full")
    return migration


@breaks("end", "cancelled", "new migration")
def the_admin_cancelled_it(apps: Apps) -> RemoteMigration:
    migration = exported(apps.forge())
    migration.cancel()
    migration.advance(minutes=61)
    assert migration.status == "CANCELLED"
    return migration


@breaks("end", "skipped", "new migration")
def the_admin_cancelled_it_before_it_began(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.create()
    migration.cancel()
    return migration

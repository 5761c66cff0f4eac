"""What the cloud app calls in vain, and what it does not do."""

import time

from tests.contract.ground import Ground
from tests.explain.lab import WRONG_ID, Lab
from tests.explain.situations import acknowledge, breaks, connected, exported

ACKNOWLEDGES_FIRST = """\
    if "uploaded" in event["eventType"]:
        from ferryman import Migration
        with Migration() as migration:
            migration.message_processed(event["transferId"], event["messageId"])
        raise ValueError("the space is full")
""".strip()

# What the app calls.


@breaks("calls", "mapping_key_form", "confluence.userkey/")
def a_mapping_is_asked_for_by_the_wrong_key(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.load(("identity:user", "confluence.userkey/abc", "557058:1"))
    path = f"/mapping/{ground.transfer_id}/find?namespace=identity%3Auser"
    assert ground.ok("POST", path, ["jsmith"]) == {}
    return ground


@breaks("calls", "access_scope_missing", "get_data_access_scopes()")
def the_app_may_not_read_people(lab: Lab) -> Ground:
    ground = lab.forge(accessScopes=["APP_DATA_OTHER"])
    exported(ground)
    path = f"/mapping/{ground.transfer_id}/find?namespace=identity%3Auser"
    ground.refused(403, "POST", path, ["confluence.userkey/abc"])
    return ground


@breaks("calls", "message_not_found", "Take the id from the")
def the_app_acknowledges_another_id(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    assert acknowledge(ground, ground.cloud, WRONG_ID) == "message_not_found"
    return ground


@breaks("calls", "request_invalid", "/docs")
def the_app_acknowledges_in_the_wrong_form(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    path = f"/message/{ground.transfer_id}/status"
    ground.refused(400, "POST", path, {"status": "DONE", "messageIds": [WRONG_ID]})
    return ground


@breaks("calls", "other_apps_token", "Call with the token of")
def the_app_acknowledges_with_the_token_of_another(lab: Lab) -> Ground:
    ground, other = exported(lab.forge()), lab.forge()
    assert acknowledge(ground, other.cloud, WRONG_ID) == "transfer_not_found"
    return ground


@breaks("calls", "other_apps_token", "@production")
def the_app_calls_with_the_token_of_another_environment(lab: Lab) -> Ground:
    ground = lab.forge(environment="production")
    other = {**ground.registration, "environment": "staging"}
    token = ground.admin.ok("POST", "/admin/v1/apps", other)["cloudToken"]
    exported(ground, apps=[f"{ground.registration['cloudAppKey']}@production"])
    reply = lab.platform.caller(token).call(
        "GET", f"/app/migration/forge/v1/data/{ground.transfer_id}/all"
    )
    assert reply.status == 404
    return ground


@breaks("calls", "token_invalid", "cloudToken")
def the_app_calls_with_the_server_token(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    assert acknowledge(ground, ground.server, WRONG_ID) == "token_invalid"
    return ground


@breaks("calls", "connect_apps_only", "Forge surface")
def a_forge_app_calls_the_connect_surface(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    path = f"/rest/atlassian-connect/1/migration/data/{ground.transfer_id}/all"
    assert ground.cloud.call("GET", path).status == 403
    return ground


@breaks("calls", "rate_limited", "Retry-After")
def the_app_is_limited_in_its_calls(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    until = time.monotonic() + 90
    while ground.call("GET", f"/data/{ground.transfer_id}/all").status != 429:
        assert time.monotonic() < until
    return ground


@breaks("calls", "acknowledged_too_late", "windowSeconds")
def the_window_is_shorter_than_the_processing(lab: Lab) -> Ground:
    ground = lab.forge(windowSeconds=60)
    ground.begin()
    message = ground.upload()["messageId"]
    ground.complete_export()
    ground.advance(minutes=2)
    assert acknowledge(ground, ground.cloud, message) == "transfer_settled"
    return ground


@breaks("calls", "percent_invalid", "Leave it out")
def the_percent_is_beyond_a_hundred(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.refused(
        400, "POST", f"/progress/{ground.transfer_id}", {"status": "IN_PROGRESS", "percent": 150}
    )
    return ground


@breaks("calls", "request_invalid", "/docs")
def the_status_of_a_report_is_no_status(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.refused(400, "POST", f"/progress/{ground.transfer_id}", {"status": "DONE"})
    return ground


@breaks("calls", "jwt_invalid", "sharedSecret of the latest installation")
def the_app_signs_with_an_old_secret(lab: Lab) -> Ground:
    ground, old = lab.installed()
    ground.admin.ok("POST", f"/admin/v1/apps/{ground.registration['cloudAppKey']}/install")
    new = lab.secret_of(ground)
    new.ok("PUT", "/webhook", {"endpoints": [ground.inbox.url]})
    ground.begin()
    ground.advance(minutes=20)
    assert old.refused(401, "POST", f"/progress/{ground.transfer_id}", {}) == "jwt_invalid"
    return ground


@breaks("calls", "jwt_qsh_mismatch", "METHOD&path&query")
def the_app_signs_another_path(lab: Lab) -> Ground:
    ground = connected(lab)
    reply = ground.call("GET", "/transfer/recent", qsh="0" * 64)
    assert reply.status == 401
    return ground


# What it does not do.


@breaks("acknowledgement", "unacknowledged", "message_processed")
def half_of_the_time_to_acknowledge_is_over(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    ground.advance(minutes=8)
    return ground


@breaks("acknowledgement", "returned_unacknowledged", "ferryman message redeliver")
def the_function_returns_without_acknowledging(lab: Lab) -> Ground:
    return exported(lab.function("return"))


@breaks("acknowledgement", "returned_unacknowledged", "before it returns")
def the_function_never_acknowledges(lab: Lab) -> Ground:
    ground = exported(lab.function("return"))
    ground.advance(minutes=16)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("handler", "failed_after_acknowledgement", "the last step")
def the_handler_fails_after_its_acknowledgement(lab: Lab) -> Ground:
    ground = exported(lab.function(ACKNOWLEDGES_FIRST))
    assert ground.status == "SUCCESS"
    return ground


@breaks("acknowledgement", "never_acknowledged", "windowSeconds")
def the_handler_never_acknowledges(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    ground.advance(minutes=16)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("acknowledgement", "acknowledged_failed", "ferryman transfer rerun")
def the_app_says_that_a_file_failed(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.finish("FAILED")
    return ground


@breaks("progress", "percent_ignored", "never goes down")
def the_percent_goes_down(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.report(percent=50)
    ground.advance(minutes=1)
    ground.report(percent=20)
    return ground


@breaks("progress", "never_settled", "POST /progress/")
def the_connect_app_never_settles(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.report(percent=99)
    ground.advance(minutes=20)
    return ground


@breaks("progress", "never_settled", "SUCCESS, FAILED or INCOMPLETE")
def the_fourteen_days_are_over(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.advance(minutes=14 * 24 * 60 + 1)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("progress", "settled_by_app", "ferryman transfer rerun")
def the_connect_app_reports_failure(lab: Lab) -> Ground:
    ground = connected(lab)
    ground.report("FAILED", message="the space is full")
    return ground


@breaks("end", "cancelled", "new migration")
def the_admin_cancelled_it(lab: Lab) -> Ground:
    ground = exported(lab.forge())
    ground.cancel()
    ground.advance(minutes=61)
    assert ground.status == "CANCELLED"
    return ground


@breaks("end", "skipped", "new migration")
def the_admin_cancelled_it_before_it_began(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.create()
    ground.cancel()
    return ground

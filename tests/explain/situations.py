"""What goes wrong in practice: where the chain breaks, why, and what the fix names."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.ground import EVENTS, TRIGGERED, UPLOADED, Connect, Forge, Ground, manifest
from tests.explain.lab import WRONG_ID, Lab, Situation, free_port, hanging_up
from tests.support import Caller


@dataclass(frozen=True)
class Broken:
    """The first broken link that is expected, its cause, and words of its fix."""

    name: str
    link: str
    cause: str
    fix: str
    bring_about: Situation


SITUATIONS: list[Broken] = []


def breaks(link: str, cause: str, fix: str) -> Callable[[Situation], Situation]:
    """A situation of the list."""

    def add(bring_about: Situation) -> Situation:
        SITUATIONS.append(Broken(bring_about.__name__, link, cause, fix, bring_about))
        return bring_about

    return add


# Nothing was started, or nobody came for it.


@breaks("migration", "migration_not_started", "ferryman migration start")
def the_migration_was_never_started(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.create()
    return ground


@breaks("agent", "agent_never_asked", "serverToken")
def the_agent_never_ran(lab: Lab) -> Ground:
    return _waiting(lab)


@breaks("agent", "agent_gone", "ferryman agent run")
def the_agent_ran_and_went_away(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.create()
    assert ground.claim() is None
    ground.start()
    ground.advance(minutes=10)
    return ground


@breaks("agent", "server_app_key_mismatch", "the key that the app was registered under")
def the_agent_claims_with_another_server_key(lab: Lab) -> Ground:
    ground = _waiting(lab)
    _claim(ground, ground.server, 403, serverAppKeys=["org.example.old-name"])
    return ground


@breaks("agent", "token_invalid", "serverToken")
def the_agent_has_the_cloud_token(lab: Lab) -> Ground:
    ground = _waiting(lab)
    _claim(ground, lab.platform.caller(ground.tokens["cloudToken"]), 401)
    return ground


@breaks("agent", "agent_of_other_environment", "environment production")
def the_agent_has_the_token_of_another_environment(lab: Lab) -> Ground:
    ground = lab.forge(environment="production")
    other = {**ground.registration, "environment": "development"}
    token = ground.admin.ok("POST", "/admin/v1/apps", other)["serverToken"]
    ground.create(apps=[f"{ground.registration['cloudAppKey']}@production"])
    ground.start()
    _claim(ground, lab.platform.caller(token), 200)
    return ground


@breaks("agent", "access_scope_not_registered", "get_data_access_scopes()")
def the_listener_declares_a_scope_that_the_app_has_not(lab: Lab) -> Ground:
    ground = _waiting(lab, accessScopes=["APP_DATA_OTHER"])
    _claim(ground, ground.server, 403, accessScopes=["APP_DATA_PII"])
    return ground


@breaks("agent", "access_scope_unknown", "Correct the spelling")
def the_listener_misspells_a_scope(lab: Lab) -> Ground:
    ground = _waiting(lab)
    _claim(ground, ground.server, 400, accessScopes=["APP_DATA_ALL"])
    return ground


@breaks("agent", "request_invalid", "/docs")
def the_agent_sends_what_is_no_claim(lab: Lab) -> Ground:
    ground = _waiting(lab)
    _claim(ground, ground.server, 400, serverAppKeys="org.example.shop")
    return ground


@breaks("dependencies", "dependency_running", "explain the one that stands still")
def a_transfer_waits_for_another(lab: Lab) -> Ground:
    return _divided(lab)


@breaks("dependencies", "dependency_failed", "re-running it")
def a_transfer_is_skipped_after_another_failed(lab: Lab) -> Ground:
    ground = _divided(lab)
    second, ground.transfer_id = ground.transfer_id, ground.migration["transfers"][0]["transferId"]
    ground.finish("FAILED")
    ground.transfer_id = second
    return ground


# The server app.


@breaks("listener", "listener_threw", "ferryman transfer rerun")
def the_listener_throws_before_its_first_file(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.throw()
    return ground


@breaks("listener", "listener_threw", "stack trace")
def the_listener_threw_and_the_transfer_failed(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.throw()
    ground.advance(minutes=16)
    assert ground.status == "FAILED"
    return ground


@breaks("uploads", "access_scope_missing", "get_data_access_scopes()")
def the_app_may_not_export_app_data(lab: Lab) -> Ground:
    ground = lab.forge(accessScopes=["MIGRATION_TRACING_PRODUCT"])
    ground.begin()
    assert ground.export("/app-data", body={}).status == 403
    return ground


@breaks("uploads", "upload_not_completed", "call complete")
def an_upload_is_never_completed(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    assert ground.export("/app-data", body={"label": "half"}).status == 200
    ground.complete_export()
    return ground


@breaks("uploads", "no_file", "create_app_data()")
def the_listener_finds_nothing_and_it_is_a_success(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.complete_export()
    assert ground.status == "SUCCESS"
    return ground


@breaks("uploads", "no_file", "create_app_data()")
def the_listener_hangs_before_its_first_file(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.advance(minutes=9)
    return ground


@breaks("uploads", "label_too_long", "Shorten the label")
def a_label_is_too_long(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    assert ground.export("/app-data", body={"label": "x" * 2000}).status == 400
    return ground


@breaks("export", "export_not_completed", "gateway.complete_export()")
def the_listener_returns_without_completing_the_export(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.acknowledge(ground.upload()["messageId"])
    return ground


@breaks("export", "export_not_completed", "waits for its deadline")
def the_deadline_had_to_complete_the_export(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.acknowledge(ground.upload()["messageId"])
    ground.advance(minutes=16)
    assert ground.status == "SUCCESS"
    return ground


# Where the events go.


@breaks("events", "no_trigger", UPLOADED)
def no_trigger_names_the_upload(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.registration["manifest"] = manifest(ground.inbox.url, [TRIGGERED])
    ground.admin.ok("POST", "/admin/v1/apps", ground.registration)
    return _exported(ground)


@breaks("events", "no_trigger", "modules.trigger[].events")
def the_app_was_registered_again_without_its_trigger(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.inbox.answers += [500]
    ground.begin()
    ground.advance()
    without = [event for event in EVENTS if event != TRIGGERED]
    ground.registration["manifest"] = manifest(ground.inbox.url, without)
    ground.admin.ok("POST", "/admin/v1/apps", ground.registration)
    return ground


@breaks("events", "no_manifest", "with its manifest")
def the_app_has_no_manifest(lab: Lab) -> Ground:
    return _exported(lab.forge(manifest=None))


@breaks("events", "no_webhook", "PUT /rest/atlassian-connect/1/migration/webhook")
def the_webhook_was_never_registered(lab: Lab) -> Ground:
    ground = lab.connect()
    ground.begin()
    ground.advance()
    return ground


@breaks("events", "no_webhook", "migrationWebhookPath")
def the_webhooks_were_cleared(lab: Lab) -> Ground:
    ground = lab.connect()
    ground.get_webhook()
    ground.begin()
    ground.advance()
    ground.ok("PUT", "/webhook", {"endpoints": []})
    ground.upload()
    ground.advance()
    return ground


@breaks("app", "install_failed", "ferryman app install")
def the_app_refused_its_installation(lab: Lab) -> Ground:
    ground = lab.described(500)
    ground.begin()
    return ground


@breaks("app", "install_failed", "baseUrl")
def nobody_is_at_the_base_url(lab: Lab) -> Ground:
    ground = lab.described(baseUrl=f"http://127.0.0.1:{free_port()}")
    ground.begin()
    return ground


@breaks("app", "app_uninstalled", "Install it again")
def the_app_was_uninstalled_while_it_ran(lab: Lab) -> Ground:
    ground, _ = lab.installed()
    ground.begin()
    ground.admin.ok("POST", f"/admin/v1/apps/{ground.registration['cloudAppKey']}/uninstall")
    return ground


# What the app answers.


def _answers(name: str, status: int, cause: str, fix: str) -> None:
    def forge(lab: Lab) -> Ground:
        ground = lab.forge()
        ground.inbox.answers += [status]
        ground.begin()
        ground.advance()
        return ground

    forge.__name__ = f"a_remote_answers_{name}"
    breaks("delivery", cause, fix)(forge)


_answers("with_a_redirect", 302, "redirected", "remotes[].baseUrl")
_answers("unauthorized", 401, "credentials_refused", "audience")
_answers("forbidden", 403, "credentials_refused", "shared secret")
_answers("not_found", 404, "path_unknown", "/wiki")
_answers("with_an_error", 500, "app_failed", "the app's own log")


@breaks("delivery", "answered_not_200", "exactly 200")
def a_webhook_answers_created(lab: Lab) -> Ground:
    return _webhook(lab, 201)


@breaks("delivery", "redirected", "registered webhooks")
def a_webhook_redirects(lab: Lab) -> Ground:
    return _webhook(lab, 301)


@breaks("delivery", "path_unknown", "baseUrl")
def a_webhook_is_at_another_path(lab: Lab) -> Ground:
    return _webhook(lab, 404)


@breaks("delivery", "not_answered_in_time", "work afterwards")
def a_webhook_hangs(lab: Lab) -> Ground:
    ground = lab.connect()
    ground.get_webhook()
    ground.inbox.hang = True
    ground.begin()
    ground.advance()
    return ground


@breaks("delivery", "not_answered_in_time", "put it aside")
def a_remote_hangs(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.inbox.hang = True
    ground.begin()
    ground.advance()
    return ground


@breaks("delivery", "connection_refused", "firewall")
def nobody_listens_at_the_remote(lab: Lab) -> Ground:
    return lab.at(f"http://127.0.0.1:{free_port()}")


@breaks("delivery", "tls_failed", "certificate")
def the_remote_speaks_no_tls(lab: Lab) -> Ground:
    return lab.at(lab.receiver.open().url.replace("http://", "https://"))


@breaks("delivery", "name_not_resolved", "DNS")
def the_name_of_the_remote_is_not_known(lab: Lab) -> Ground:
    # Longer than a name can be, so that no server is asked.
    return lab.at(f"http://{'harbour.' * 40}invalid")


@breaks("delivery", "connection_broke", "died on this event")
def the_remote_hangs_up(lab: Lab) -> Ground:
    with hanging_up() as url:
        return lab.at(url)


@breaks("delivery", "handler_missing", "source folder")
def the_file_of_the_function_is_gone(lab: Lab) -> Ground:
    ground = lab.function("pass")
    (lab.folder / "index.py").unlink()
    return _begun(ground)


@breaks("delivery", "dependency_missing", "Install the missing module")
def a_module_is_not_installed(lab: Lab) -> Ground:
    (lab.folder / "index.py").write_text("import no_such_module\ndef run(event, context): ...\n")
    return _begun(lab.source())


@breaks("delivery", "function_not_loaded", "before the handler was called")
def the_file_fails_when_it_is_loaded(lab: Lab) -> Ground:
    code = "raise RuntimeError('no SETTINGS')\ndef run(event, context): ...\n"
    (lab.folder / "index.py").write_text(code)
    return _begun(lab.source())


@breaks("delivery", "function_raised", "traceback")
def the_function_raises(lab: Lab) -> Ground:
    return _begun(lab.function("raise ValueError('253 records, 979 signers')"))


@breaks("delivery", "function_timed_out", "Do less in one call")
def the_function_takes_longer_than_its_limit(lab: Lab) -> Ground:
    return _begun(lab.function("time.sleep(60)"))


@breaks("delivery", "function_exited", "must return")
def the_function_exits(lab: Lab) -> Ground:
    return _begun(lab.function("os._exit(3)"))


@breaks("delivery", "app_failed", "the app's own log")
def the_time_is_over_while_a_retry_waits(lab: Lab) -> Ground:
    ground = lab.forge(windowSeconds=20)
    ground.inbox.refused.add(UPLOADED)
    _exported(ground)
    ground.advance(minutes=0.5)
    assert ground.status == "TIMED_OUT"
    return ground


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
    _exported(ground)
    path = f"/mapping/{ground.transfer_id}/find?namespace=identity%3Auser"
    ground.refused(403, "POST", path, ["confluence.userkey/abc"])
    return ground


@breaks("calls", "message_not_found", "Take the id from the")
def the_app_acknowledges_another_id(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    assert _acknowledge(ground, ground.cloud, WRONG_ID) == "message_not_found"
    return ground


@breaks("calls", "request_invalid", "/docs")
def the_app_acknowledges_in_the_wrong_form(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    path = f"/message/{ground.transfer_id}/status"
    ground.refused(400, "POST", path, {"status": "DONE", "messageIds": [WRONG_ID]})
    return ground


@breaks("calls", "other_apps_token", "Call with the token of")
def the_app_acknowledges_with_the_token_of_another(lab: Lab) -> Ground:
    ground, other = _exported(lab.forge()), lab.forge()
    assert _acknowledge(ground, other.cloud, WRONG_ID) == "transfer_not_found"
    return ground


@breaks("calls", "other_apps_token", "@production")
def the_app_calls_with_the_token_of_another_environment(lab: Lab) -> Ground:
    ground = lab.forge(environment="production")
    other = {**ground.registration, "environment": "staging"}
    token = ground.admin.ok("POST", "/admin/v1/apps", other)["cloudToken"]
    _exported(ground, apps=[f"{ground.registration['cloudAppKey']}@production"])
    reply = lab.platform.caller(token).call(
        "GET", f"/app/migration/forge/v1/data/{ground.transfer_id}/all"
    )
    assert reply.status == 404
    return ground


@breaks("calls", "token_invalid", "cloudToken")
def the_app_calls_with_the_server_token(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    assert _acknowledge(ground, ground.server, WRONG_ID) == "token_invalid"
    return ground


@breaks("calls", "connect_apps_only", "Forge surface")
def a_forge_app_calls_the_connect_surface(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    path = f"/rest/atlassian-connect/1/migration/data/{ground.transfer_id}/all"
    assert ground.cloud.call("GET", path).status == 403
    return ground


@breaks("calls", "rate_limited", "Retry-After")
def the_app_is_limited_in_its_calls(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    until = time.monotonic() + 30
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
    assert _acknowledge(ground, ground.cloud, message) == "transfer_settled"
    return ground


@breaks("calls", "percent_invalid", "Leave it out")
def the_percent_is_beyond_a_hundred(lab: Lab) -> Ground:
    ground = _connected(lab)
    ground.refused(
        400, "POST", f"/progress/{ground.transfer_id}", {"status": "IN_PROGRESS", "percent": 150}
    )
    return ground


@breaks("calls", "request_invalid", "/docs")
def the_status_of_a_report_is_no_status(lab: Lab) -> Ground:
    ground = _connected(lab)
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
    ground = _connected(lab)
    reply = ground.call("GET", "/transfer/recent", qsh="0" * 64)
    assert reply.status == 401
    return ground


# What it does not do.


@breaks("acknowledgement", "unacknowledged", "message_processed")
def half_of_the_time_to_acknowledge_is_over(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
    ground.advance(minutes=8)
    return ground


@breaks("acknowledgement", "never_acknowledged", "windowSeconds")
def the_handler_never_acknowledges(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
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
    ground = _connected(lab)
    ground.report(percent=50)
    ground.advance(minutes=1)
    ground.report(percent=20)
    return ground


@breaks("progress", "never_settled", "POST /progress/")
def the_connect_app_never_settles(lab: Lab) -> Ground:
    ground = _connected(lab)
    ground.report(percent=99)
    ground.advance(minutes=20)
    return ground


@breaks("progress", "never_settled", "SUCCESS, FAILED or INCOMPLETE")
def the_fourteen_days_are_over(lab: Lab) -> Ground:
    ground = _connected(lab)
    ground.advance(minutes=14 * 24 * 60 + 1)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("progress", "settled_by_app", "ferryman transfer rerun")
def the_connect_app_reports_failure(lab: Lab) -> Ground:
    ground = _connected(lab)
    ground.report("FAILED", message="the space is full")
    return ground


@breaks("end", "cancelled", "new migration")
def the_admin_cancelled_it(lab: Lab) -> Ground:
    ground = _exported(lab.forge())
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


def _waiting(lab: Lab, **options: object) -> Forge:
    """A started migration that nobody has claimed."""
    ground = lab.forge(**options)
    ground.create()
    ground.start()
    return ground


def _begun(ground: Forge) -> Forge:
    ground.begin()
    ground.advance()
    return ground


def _exported(ground: Forge, **plan: object) -> Forge:
    """One file, delivered, not acknowledged."""
    ground.begin(**plan)
    ground.upload()
    ground.complete_export()
    ground.advance()
    return ground


def _connected(lab: Lab) -> Connect:
    """A Connect app that got the event of its one file."""
    ground = lab.connect()
    ground.get_webhook()
    ground.begin()
    ground.upload()
    ground.complete_export()
    ground.advance()
    return ground


def _webhook(lab: Lab, status: int) -> Ground:
    ground = lab.connect()
    ground.get_webhook()
    ground.inbox.answers += [status]
    ground.begin()
    ground.advance()
    return ground


def _divided(lab: Lab) -> Forge:
    """The second of two transfers, which depends on the first; that one is under way."""
    ground = lab.forge()
    ground.create()
    ground.start()
    definitions = [{"transferName": "goods"}, {"transferName": "orders", "dependsOn": ["goods"]}]
    assert ground.claim(transferDefinitions=definitions)["transferName"] == "goods"
    path = f"/admin/v1/migrations/{ground.migration['migrationId']}"
    ground.migration = ground.admin.ok("GET", path)
    ground.transfer_id = ground.migration["transfers"][1]["transferId"]
    return ground


def _claim(ground: Ground, caller: Caller, status: int, **fields: object) -> None:
    body = {
        "serverAppKeys": [ground.registration["serverAppKey"]],
        "agentId": "agent",
        "waitSeconds": 0,
        **fields,
    }
    reply = caller.call("POST", "/server/v1/listeners/claim", body)
    assert reply.status == status, reply.body


def _acknowledge(ground: Ground, caller: Caller, message_id: str) -> str:
    """The code of an acknowledgement that is refused."""
    path = f"/app/migration/forge/v1/message/{ground.transfer_id}/status"
    reply = caller.call("POST", path, {"status": "SUCCESS", "messageIds": [message_id]})
    assert reply.status >= 400
    return str(reply.json["code"])

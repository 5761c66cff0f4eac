"""Nothing was started, nobody came for it, or the server app exported nothing."""

from tests.contract.ground import Ground
from tests.explain.lab import Lab
from tests.explain.situations import breaks, claim, divided, waiting

# Nothing was started, or nobody came for it.


@breaks("migration", "migration_not_started", "ferryman migration start")
def the_migration_was_never_started(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.create()
    return ground


@breaks("agent", "agent_never_asked", "serverToken")
def the_agent_never_ran(lab: Lab) -> Ground:
    return waiting(lab)


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
    ground = waiting(lab)
    claim(ground, ground.server, 403, serverAppKeys=["org.example.old-name"])
    return ground


@breaks("agent", "token_invalid", "serverToken")
def the_agent_has_the_cloud_token(lab: Lab) -> Ground:
    ground = waiting(lab)
    claim(ground, lab.platform.caller(ground.tokens["cloudToken"]), 401)
    return ground


@breaks("agent", "agent_of_other_environment", "environment production")
def the_agent_has_the_token_of_another_environment(lab: Lab) -> Ground:
    ground = lab.forge(environment="production")
    other = {**ground.registration, "environment": "development"}
    token = ground.admin.ok("POST", "/admin/v1/apps", other)["serverToken"]
    ground.create(apps=[f"{ground.registration['cloudAppKey']}@production"])
    ground.start()
    claim(ground, lab.platform.caller(token), 200)
    return ground


@breaks("agent", "access_scope_not_registered", "get_data_access_scopes()")
def the_listener_declares_a_scope_that_the_app_has_not(lab: Lab) -> Ground:
    ground = waiting(lab, accessScopes=["APP_DATA_OTHER"])
    claim(ground, ground.server, 403, accessScopes=["APP_DATA_PII"])
    return ground


@breaks("agent", "access_scope_unknown", "Correct the spelling")
def the_listener_misspells_a_scope(lab: Lab) -> Ground:
    ground = waiting(lab)
    claim(ground, ground.server, 400, accessScopes=["APP_DATA_ALL"])
    return ground


@breaks("agent", "request_invalid", "/docs")
def the_agent_sends_what_is_no_claim(lab: Lab) -> Ground:
    ground = waiting(lab)
    claim(ground, ground.server, 400, serverAppKeys="org.example.shop")
    return ground


@breaks("dependencies", "dependency_running", "explain the one that stands still")
def a_transfer_waits_for_another(lab: Lab) -> Ground:
    return divided(lab)


@breaks("dependencies", "dependency_failed", "re-running it")
def a_transfer_is_skipped_after_another_failed(lab: Lab) -> Ground:
    ground = divided(lab)
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
    assert ground.export("/complete-export").status == 409
    ground.advance(minutes=16)
    return ground


@breaks("uploads", "writer_failed", "under its label")
def the_writer_of_a_file_failed(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    begun = ground.export("/app-data", body={"label": "half"}).json["uploadId"]
    why = "reason=writer_failed&detail=ValueError+at+export.py:12"
    ground.server.ok("DELETE", f"/server/v1/uploads/{begun}?{why}")
    return ground


@breaks("listener", "listener_silent", "complete_export()")
def the_listener_never_says_a_word(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    ground.advance(minutes=16)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("listener", "listener_lost", "ferryman transfer rerun")
def the_listener_is_lost_after_its_first_file(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.begin()
    assert ground.export("/heartbeat").status == 200
    ground.acknowledge(ground.upload()["messageId"])
    ground.advance(minutes=16)
    assert ground.status == "TIMED_OUT"
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

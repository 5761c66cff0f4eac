"""Migrations that were not started, not claimed, or exported nothing."""

from tests.explain.apps import Apps
from tests.explain.cases import breaks, claim, divided, waiting
from tests.kit.remote_app import RemoteMigration

# Nothing was started, or nobody came for it.


@breaks("migration", "migration_not_started", "ferryman migration start")
def the_migration_was_never_started(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.create()
    return migration


@breaks("pause", "paused", "ferryman transfer resume")
def an_operator_paused_it(apps: Apps) -> RemoteMigration:
    migration = waiting(apps)
    migration.admin.ok("POST", f"/admin/v1/transfers/{migration.transfer_id}/pause")
    return migration


@breaks("agent", "agent_never_asked", "serverToken")
def the_agent_never_ran(apps: Apps) -> RemoteMigration:
    return waiting(apps)


@breaks("agent", "agent_gone", "ferryman agent run")
def the_agent_ran_and_went_away(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.create()
    assert migration.claim() is None
    migration.start()
    migration.advance(minutes=10)
    return migration


@breaks("agent", "server_app_key_mismatch", "the key the app was registered under")
def the_agent_claims_with_another_server_key(apps: Apps) -> RemoteMigration:
    migration = waiting(apps)
    claim(migration, migration.server, 403, serverAppKeys=["org.example.old-name"])
    return migration


@breaks("agent", "token_invalid", "serverToken")
def the_agent_has_the_cloud_token(apps: Apps) -> RemoteMigration:
    migration = waiting(apps)
    claim(migration, apps.platform.caller(migration.tokens["cloudToken"]), 401)
    return migration


@breaks("agent", "agent_of_other_environment", "environment production")
def the_agent_has_the_token_of_another_environment(apps: Apps) -> RemoteMigration:
    migration = apps.forge(environment="production")
    other = {**migration.registration, "environment": "development"}
    token = migration.admin.ok("POST", "/admin/v1/apps", other)["serverToken"]
    migration.create(apps=[f"{migration.registration['cloudAppKey']}@production"])
    migration.start()
    claim(migration, apps.platform.caller(token), 200)
    return migration


@breaks("agent", "access_scope_not_registered", "get_data_access_scopes()")
def the_listener_declares_a_scope_that_the_app_has_not(apps: Apps) -> RemoteMigration:
    migration = waiting(apps, accessScopes=["APP_DATA_OTHER"])
    claim(migration, migration.server, 403, accessScopes=["APP_DATA_PII"])
    return migration


@breaks("agent", "access_scope_unknown", "Correct the spelling")
def the_listener_misspells_a_scope(apps: Apps) -> RemoteMigration:
    migration = waiting(apps)
    claim(migration, migration.server, 400, accessScopes=["APP_DATA_ALL"])
    return migration


@breaks("agent", "request_invalid", "/docs")
def the_agent_sends_what_is_no_claim(apps: Apps) -> RemoteMigration:
    migration = waiting(apps)
    claim(migration, migration.server, 400, serverAppKeys="org.example.shop")
    return migration


@breaks("dependencies", "dependency_running", "explain the one that is stuck")
def a_transfer_waits_for_another(apps: Apps) -> RemoteMigration:
    return divided(apps)


@breaks("dependencies", "dependency_failed", "re-running it")
def a_transfer_is_skipped_after_another_failed(apps: Apps) -> RemoteMigration:
    migration = divided(apps)
    second, migration.transfer_id = migration.transfer_id, migration.transfer_ids[0]
    migration.finish("FAILED")
    migration.transfer_id = second
    return migration


# The server app.


@breaks("listener", "listener_threw", "ferryman transfer rerun")
def the_listener_throws_before_its_first_file(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.throw()
    return migration


@breaks("listener", "listener_threw", "stack trace")
def the_listener_threw_and_the_transfer_failed(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.throw()
    migration.advance(minutes=16)
    assert migration.status == "FAILED"
    return migration


@breaks("uploads", "access_scope_missing", "get_data_access_scopes()")
def the_app_may_not_export_app_data(apps: Apps) -> RemoteMigration:
    migration = apps.forge(accessScopes=["MIGRATION_TRACING_PRODUCT"])
    migration.begin()
    assert migration.export("/app-data", body={}).status == 403
    return migration


@breaks("uploads", "upload_not_completed", "call complete")
def an_upload_is_never_completed(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    assert migration.export("/app-data", body={"label": "half"}).status == 200
    assert migration.export("/complete-export").status == 409
    migration.advance(minutes=16)
    return migration


@breaks("uploads", "writer_failed", "under its label")
def the_writer_of_a_file_failed(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    begun = migration.export("/app-data", body={"label": "half"}).json["uploadId"]
    why = "reason=writer_failed&detail=ValueError+at+export.py:12"
    migration.server.ok("DELETE", f"/server/v1/uploads/{begun}?{why}")
    return migration


@breaks("listener", "listener_silent", "complete_export()")
def the_listener_never_says_a_word(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.advance(minutes=16)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("listener", "listener_lost", "ferryman transfer rerun")
def the_listener_is_lost_after_its_first_file(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    assert migration.export("/heartbeat").status == 200
    migration.acknowledge(migration.upload()["messageId"])
    migration.advance(minutes=16)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("uploads", "no_file", "create_app_data()")
def the_listener_finds_nothing_and_it_is_a_success(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.complete_export()
    assert migration.status == "SUCCESS"
    return migration


@breaks("uploads", "no_file", "create_app_data()")
def the_listener_hangs_before_its_first_file(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.confirm()
    migration.advance(minutes=9)
    return migration


@breaks("uploads", "label_too_long", "Shorten the label")
def a_label_is_too_long(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    assert migration.export("/app-data", body={"label": "x" * 2000}).status == 400
    return migration


@breaks("export", "export_not_completed", "gateway.complete_export()")
def the_listener_returns_without_completing_the_export(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.acknowledge(migration.upload()["messageId"])
    return migration


@breaks("export", "export_not_completed", "waits for its deadline")
def the_deadline_had_to_complete_the_export(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.acknowledge(migration.upload()["messageId"])
    migration.advance(minutes=16)
    assert migration.status == "SUCCESS"
    return migration

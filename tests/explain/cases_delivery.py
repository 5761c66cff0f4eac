"""Events without a route to the app, and events that it does not accept."""

from ferryman.domain.limits import BREAKER_WEIGHT
from tests.explain.apps import Apps, hanging_up
from tests.explain.cases import begun, breaks, exported, webhook
from tests.kit.manifests import EVENTS, TRIGGERED, UPLOADED, remote_manifest
from tests.kit.platform import free_port
from tests.kit.remote_app import RemoteMigration

# Where the events go.


@breaks("events", "no_trigger", UPLOADED)
def no_trigger_names_the_upload(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.registration["manifest"] = remote_manifest(migration.inbox.url, [TRIGGERED])
    migration.admin.ok("POST", "/admin/v1/apps", migration.registration)
    return exported(migration)


@breaks("events", "no_trigger", "modules.trigger[].events")
def the_app_was_registered_again_without_its_trigger(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.inbox.answers += [500]
    migration.begin()
    migration.confirm()
    migration.advance()
    without = [event for event in EVENTS if event != TRIGGERED]
    migration.registration["manifest"] = remote_manifest(migration.inbox.url, without)
    migration.admin.ok("POST", "/admin/v1/apps", migration.registration)
    return migration


@breaks("events", "no_manifest", "with its manifest")
def the_app_has_no_manifest(apps: Apps) -> RemoteMigration:
    return exported(apps.forge(manifest=None))


@breaks("events", "no_webhook", "PUT /rest/atlassian-connect/1/migration/webhook")
def the_webhook_was_never_registered(apps: Apps) -> RemoteMigration:
    migration = apps.connect()
    migration.begin()
    migration.confirm()
    migration.advance()
    return migration


@breaks("events", "no_webhook", "migrationWebhookPath")
def the_webhooks_were_cleared(apps: Apps) -> RemoteMigration:
    migration = apps.connect()
    migration.register_webhook()
    migration.begin()
    migration.confirm()
    migration.advance()
    migration.ok("PUT", "/webhook", {"endpoints": []})
    migration.upload()
    migration.advance()
    return migration


@breaks("app", "install_failed", "ferryman app install")
def the_app_refused_its_installation(apps: Apps) -> RemoteMigration:
    migration = apps.described(500)
    migration.begin()
    return migration


@breaks("app", "install_failed", "baseUrl")
def nobody_is_at_the_base_url(apps: Apps) -> RemoteMigration:
    migration = apps.described(baseUrl=f"http://127.0.0.1:{free_port()}")
    migration.begin()
    return migration


@breaks("app", "app_suspended", "ferryman app resume")
def an_admin_suspended_the_app(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.begin()
    migration.admin.ok("POST", f"/admin/v1/apps/{migration.registration['cloudAppKey']}/suspend")
    return migration


@breaks("app", "app_uninstalled", "Install it again")
def the_app_was_uninstalled_while_it_ran(apps: Apps) -> RemoteMigration:
    migration, _ = apps.installed()
    migration.begin()
    migration.admin.ok("POST", f"/admin/v1/apps/{migration.registration['cloudAppKey']}/uninstall")
    return migration


# What the app answers.


def _answers(name: str, status: int, cause: str, fix: str) -> None:
    def forge(apps: Apps) -> RemoteMigration:
        migration = apps.forge()
        migration.inbox.answers += [status]
        migration.begin()
        migration.confirm()
        migration.advance()
        return migration

    forge.__name__ = f"a_remote_answers_{name}"
    breaks("delivery", cause, fix)(forge)


_answers("with_a_redirect", 302, "redirected", "remotes[].baseUrl")
_answers("unauthorized", 401, "credentials_refused", "audience")
_answers("forbidden", 403, "credentials_refused", "shared secret")
_answers("not_found", 404, "path_unknown", "/wiki")
_answers("with_an_error", 500, "app_failed", "the app's log")


@breaks("delivery", "answered_not_200", "exactly 200")
def a_webhook_answers_created(apps: Apps) -> RemoteMigration:
    return webhook(apps, 201)


@breaks("delivery", "redirected", "registered webhooks")
def a_webhook_redirects(apps: Apps) -> RemoteMigration:
    return webhook(apps, 301)


@breaks("delivery", "path_unknown", "baseUrl")
def a_webhook_is_at_another_path(apps: Apps) -> RemoteMigration:
    return webhook(apps, 404)


@breaks("delivery", "not_answered_in_time", "work afterwards")
def a_webhook_hangs(apps: Apps) -> RemoteMigration:
    migration = apps.connect()
    migration.register_webhook()
    migration.inbox.hang = True
    migration.begin()
    migration.confirm()
    migration.advance()
    return migration


@breaks("delivery", "not_answered_in_time", "store the event, return")
def a_remote_hangs(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.inbox.hang = True
    migration.begin()
    migration.confirm()
    migration.advance()
    return migration


@breaks("delivery", "connection_refused", "firewall")
def nobody_listens_at_the_remote(apps: Apps) -> RemoteMigration:
    return apps.at(f"http://127.0.0.1:{free_port()}")


@breaks("delivery", "tls_failed", "certificate")
def the_remote_speaks_no_tls(apps: Apps) -> RemoteMigration:
    return apps.at(apps.receiver.open().url.replace("http://", "https://"))


@breaks("delivery", "name_not_resolved", "DNS")
def the_name_of_the_remote_is_not_known(apps: Apps) -> RemoteMigration:
    # Longer than a name can be, so that no server is asked.
    return apps.at(f"http://{'harbour.' * 40}invalid")


@breaks("delivery", "connection_broke", "crashed on this event")
def the_remote_hangs_up(apps: Apps) -> RemoteMigration:
    with hanging_up() as url:
        return apps.at(url)


@breaks("delivery", "handler_missing", "source folder")
def the_file_of_the_function_is_gone(apps: Apps) -> RemoteMigration:
    migration = apps.function("pass")
    (apps.folder / "index.py").unlink()
    return begun(migration)


@breaks("delivery", "dependency_missing", "Install the missing module")
def a_module_is_not_installed(apps: Apps) -> RemoteMigration:
    (apps.folder / "index.py").write_text("import no_such_module\ndef run(event, context): ...\n")
    return begun(apps.source())


@breaks("delivery", "function_not_loaded", "before the handler was called")
def the_file_fails_when_it_is_loaded(apps: Apps) -> RemoteMigration:
    code = "raise RuntimeError('no SETTINGS')\ndef run(event, context): ...\n"
    (apps.folder / "index.py").write_text(code)
    return begun(apps.source())


@breaks("delivery", "function_raised", "traceback")
def the_function_raises(apps: Apps) -> RemoteMigration:
    return begun(apps.function("raise ValueError('253 records, 979 signers')"))


@breaks("delivery", "function_timed_out", "Do less in one call")
def the_function_takes_longer_than_its_limit(apps: Apps) -> RemoteMigration:
    return begun(apps.function("time.sleep(60)"))


@breaks("delivery", "function_exited", "must return")
def the_function_exits(apps: Apps) -> RemoteMigration:
    return begun(apps.function("os._exit(3)"))


@breaks("delivery", "function_out_of_memory", "in pieces")
def the_function_takes_all_the_memory(apps: Apps) -> RemoteMigration:
    return begun(apps.function("bytearray(1 << 40)"))


@breaks("delivery", "app_failed", "the app's log")
def the_time_is_over_while_a_retry_waits(apps: Apps) -> RemoteMigration:
    migration = apps.forge(windowSeconds=60)
    migration.inbox.refused.add(UPLOADED)
    exported(migration)
    migration.advance(minutes=1.5)
    assert migration.status == "TIMED_OUT"
    return migration


@breaks("delivery", "circuit_breaker_open", "retries by itself")
def the_remote_failed_on_and_on_for_another_transfer(apps: Apps) -> RemoteMigration:
    migration = apps.forge()
    migration.inbox.refused |= set(EVENTS)
    migration.begin()
    for _ in range(BREAKER_WEIGHT):
        migration.upload()
    migration.advance()
    migration.begin()
    return migration

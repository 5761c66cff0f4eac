"""Events that have no way to the app, or that it does not take."""

from ferryman.domain.limits import BREAKER_WEIGHT
from tests.contract.ground import EVENTS, TRIGGERED, UPLOADED, Ground, manifest
from tests.explain.lab import Lab, free_port, hanging_up
from tests.explain.situations import begun, breaks, exported, webhook

# Where the events go.


@breaks("events", "no_trigger", UPLOADED)
def no_trigger_names_the_upload(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.registration["manifest"] = manifest(ground.inbox.url, [TRIGGERED])
    ground.admin.ok("POST", "/admin/v1/apps", ground.registration)
    return exported(ground)


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
    return exported(lab.forge(manifest=None))


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
    return webhook(lab, 201)


@breaks("delivery", "redirected", "registered webhooks")
def a_webhook_redirects(lab: Lab) -> Ground:
    return webhook(lab, 301)


@breaks("delivery", "path_unknown", "baseUrl")
def a_webhook_is_at_another_path(lab: Lab) -> Ground:
    return webhook(lab, 404)


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
    return begun(ground)


@breaks("delivery", "dependency_missing", "Install the missing module")
def a_module_is_not_installed(lab: Lab) -> Ground:
    (lab.folder / "index.py").write_text("import no_such_module\ndef run(event, context): ...\n")
    return begun(lab.source())


@breaks("delivery", "function_not_loaded", "before the handler was called")
def the_file_fails_when_it_is_loaded(lab: Lab) -> Ground:
    code = "raise RuntimeError('no SETTINGS')\ndef run(event, context): ...\n"
    (lab.folder / "index.py").write_text(code)
    return begun(lab.source())


@breaks("delivery", "function_raised", "traceback")
def the_function_raises(lab: Lab) -> Ground:
    return begun(lab.function("raise ValueError('253 records, 979 signers')"))


@breaks("delivery", "function_timed_out", "Do less in one call")
def the_function_takes_longer_than_its_limit(lab: Lab) -> Ground:
    return begun(lab.function("time.sleep(60)"))


@breaks("delivery", "function_exited", "must return")
def the_function_exits(lab: Lab) -> Ground:
    return begun(lab.function("os._exit(3)"))


@breaks("delivery", "function_out_of_memory", "in pieces")
def the_function_takes_all_the_memory(lab: Lab) -> Ground:
    return begun(lab.function("bytearray(1 << 40)"))


@breaks("delivery", "app_failed", "the app's own log")
def the_time_is_over_while_a_retry_waits(lab: Lab) -> Ground:
    ground = lab.forge(windowSeconds=20)
    ground.inbox.refused.add(UPLOADED)
    exported(ground)
    ground.advance(minutes=0.5)
    assert ground.status == "TIMED_OUT"
    return ground


@breaks("delivery", "endpoint_left_alone", "tried again by itself")
def the_remote_failed_on_and_on_for_another_transfer(lab: Lab) -> Ground:
    ground = lab.forge()
    ground.inbox.refused |= set(EVENTS)
    ground.begin()
    for _ in range(BREAKER_WEIGHT):
        ground.upload()
    ground.advance()
    ground.begin()
    return ground

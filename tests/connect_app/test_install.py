"""Installing an app that was written without a look at the platform: the whole life of a secret."""

import time
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from tests.connect_app.conftest import App
from tests.kit.platform import problem

GRACE_SECONDS = 15 * 60


def authorized(app: App) -> int:
    """How the platform answers a call that the app signs."""
    return app.call("GET", "/webhook")[0]


def test_registering_installs(app: App) -> None:
    """The app checked who installs it, got its secret, and registered a webhook once enabled."""
    answer = app.register()
    state, seen = answer["installation"], app.seen()
    assert state["state"] == "INSTALLED"
    assert seen["refusals"] == []
    installed, enabled = seen["lifecycle"]
    assert (installed["eventType"], enabled["eventType"]) == ("installed", "enabled")
    assert installed["clientKey"] == enabled["clientKey"] == state["clientKey"]
    assert installed["key"] == app.key
    assert installed["baseUrl"] == app.platform.url
    assert installed["productType"] == "jira"
    assert installed["sharedSecret"] == answer["sharedSecret"]
    assert "sharedSecret" not in enabled
    assert seen["answers"]["webhook"]["status"] == 200
    assert app.ok("GET", "/webhook")["endpoints"] == [f"{app.base_url}/hook?from=notification"]
    view = app.view()
    assert view["installation"] == state
    assert state["lastCall"] == {
        "event": "enabled",
        "at": state["lastCall"]["at"],
        "status": 200,
        "error": None,
    }
    assert answer["sharedSecret"] not in str(view)


def test_an_app_may_call_while_it_is_installed(app: App) -> None:
    """Its new secret is good from when it has it."""
    app.control("set", call_while_installing=True)
    app.register()
    assert app.seen()["answers"]["while installing"]["status"] == 200


def test_installing_again_changes_the_secret(app: App) -> None:
    """The one before holds for a while; client key and webhooks stay."""
    first = app.register()
    state = app.install()
    assert state["clientKey"] == first["installation"]["clientKey"]
    secret = app.seen()["tenant"]["sharedSecret"]
    assert secret != first["sharedSecret"]
    assert authorized(app) == 200
    assert app.call("GET", "/webhook", earlier=True)[0] == 200
    app.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": GRACE_SECONDS - 60})
    assert app.call("GET", "/webhook", earlier=True)[0] == 200
    app.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 61})
    status, refusal = app.call("GET", "/webhook", earlier=True)
    assert (status, refusal["code"]) == (401, "jwt_invalid")
    assert app.ok("GET", "/webhook")["endpoints"]


def test_a_refused_rotation_changes_nothing(app: App) -> None:
    """The app keeps its secret, the refusal says what it answered, and shows no secret."""
    secret = app.register()["sharedSecret"]
    app.control("answer", **{"/installed": 403})
    refused = app.admin.refused(502, "POST", f"/admin/v1/apps/{app.key}/install")
    assert refused["code"] == "install_refused"
    assert "answered 403" in refused["found"]
    assert "told to" in refused["found"]
    assert f"{app.base_url}/installed" in refused["expected"]
    assert "fm_shared" not in str(refused)
    state = app.view()["installation"]
    assert state["state"] == "INSTALLED"
    assert (state["lastCall"]["event"], state["lastCall"]["status"]) == ("installed", 403)
    assert "fm_shared" not in str(state)
    assert app.seen()["tenant"]["sharedSecret"] == secret
    assert authorized(app) == 200
    app.control("answer", **{"/installed": 200})
    app.install()
    assert app.seen()["tenant"]["sharedSecret"] != secret
    assert authorized(app) == 200


def test_an_answer_that_was_lost_loses_no_secret(app: App) -> None:
    """What was offered is offered again; if the app signs with it, it has it."""
    app.register()
    app.control("answer", **{"/installed": "hang up"})
    lost = app.admin.refused(504, "POST", f"/admin/v1/apps/{app.key}/install")
    assert lost["code"] == "install_unanswered"
    assert authorized(app) == 200
    app.control("answer", **{"/installed": 200})
    app.install()
    assert authorized(app) == 200
    assert app.seen()["refusals"] == []


def test_an_app_that_cannot_be_installed_is_registered_all_the_same(app: App) -> None:
    """The answer says why; nothing opens until it is installed."""
    app.control("answer", **{"/installed": 500})
    answer = app.register()
    state = answer["installation"]
    assert (state["state"], answer["sharedSecret"]) == ("NOT_INSTALLED", None)
    assert (state["lastCall"]["event"], state["lastCall"]["status"]) == ("installed", 500)
    app.control("answer", **{"/installed": 200})
    assert app.install()["state"] == "INSTALLED"
    assert authorized(app) == 200


def test_nobody_answers(app: App) -> None:
    """An app that is not there, or redirects, is not installed."""
    descriptor = {**app.descriptor(), "baseUrl": "http://127.0.0.1:9"}
    state = app.register(descriptor=descriptor)["installation"]
    assert state["state"] == "NOT_INSTALLED"
    assert state["lastCall"]["status"] is None
    assert "No connection" in state["lastCall"]["error"]
    refused = app.admin.refused(502, "POST", f"/admin/v1/apps/{app.key}/install")
    assert refused["code"] == "install_refused"
    app.control("answer", **{"/installed": 302})
    assert app.register()["installation"]["lastCall"]["status"] == 302


def test_that_it_could_not_be_enabled_is_told(app: App) -> None:
    """It is installed all the same."""
    app.control("answer", **{"/enabled": 500})
    state = app.register()["installation"]
    assert state["state"] == "INSTALLED"
    assert (state["lastCall"]["event"], state["lastCall"]["status"]) == ("enabled", 500)
    assert authorized(app) == 200


def test_uninstalling(app: App) -> None:
    """The app is told and may nothing more; installed again, its webhooks start again."""
    secret = app.register()["sharedSecret"]
    app.ok("PUT", "/webhook", {"endpoints": ["http://127.0.0.1:9/kept"]})
    state = app.uninstall()
    assert state["state"] == "UNINSTALLED"
    assert (state["lastCall"]["event"], state["lastCall"]["status"]) == ("uninstalled", 200)
    told = app.seen()["lifecycle"][-1]
    assert told["eventType"] == "uninstalled"
    assert "sharedSecret" not in told
    assert authorized(app) == 401
    assert app.uninstall()["state"] == "UNINSTALLED"
    app.control("answer", **{"/enabled": 500})  # so that it registers no webhook
    state = app.install()
    assert state["state"] == "INSTALLED"
    assert state["clientKey"] == told["clientKey"]
    assert app.seen()["tenant"]["sharedSecret"] != secret
    assert app.ok("GET", "/webhook") == {"endpoints": []}
    assert app.call("GET", "/webhook", earlier=True)[0] == 401


def test_an_app_that_cannot_be_told_is_uninstalled_all_the_same(app: App) -> None:
    app.register()
    app.control("answer", **{"/uninstalled": 500})
    state = app.uninstall()
    assert (state["state"], state["lastCall"]["status"]) == ("UNINSTALLED", 500)
    assert authorized(app) == 401


@pytest.mark.parametrize("path", ["/installed", "/uninstalled?reason=admin"])
def test_the_app_knows_who_installs_it(app: App, path: str) -> None:
    """Another request, another audience, a changed or an old token: it refuses them."""
    app.register()
    app.uninstall()
    seen = app.seen()
    token, body = seen["tokens"][path], seen["lifecycle"][0]

    def post(given: str, to: str = path) -> int:
        headers = {"Authorization": f"JWT {given}"}
        return app.http.request("POST", app.base_url + to, json=body, headers=headers).status

    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == app.base_url
    assert claims["exp"] - claims["iat"] == 180
    assert abs(claims["iat"] - time.time()) < 120  # by the clock of the world, not the virtual one
    other = "/uninstalled" if path == "/installed" else "/installed"
    head, payload, signature = token.split(".")
    assert post(token) in (200, 204)
    assert post(token, other) == 401
    assert post(f"{head}.{payload}.{signature[:-8]}AAAAAAAA") == 401
    assert post(jwt.encode(claims, "guessed" * 8, headers={"kid": kid_of(token)})) == 401
    assert post("") == 401


def kid_of(token: str) -> Any:
    return jwt.get_unverified_header(token)["kid"]


def test_the_key_of_installs_is_public(app: App) -> None:
    """PEM at the address that its id gives; an unknown id is not found."""
    app.register()
    kid = kid_of(app.seen()["tokens"]["/installed"])
    caller = app.platform.caller(None)
    reply = caller.call("GET", f"/connect/install-keys/{kid}")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.body.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    for unknown in ("unknown", f"{kid}x", "%00"):
        reply = caller.call("GET", f"/connect/install-keys/{unknown}")
        assert (reply.status, problem(reply)["code"]) == (404, "install_key_not_found")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "org.example.other"}, "descriptor_key_mismatch"),
        ({"baseUrl": "/relative"}, "descriptor_malformed"),
        ({"authentication": {"type": "none"}}, "descriptor_malformed"),
        ({"lifecycle": {"installed": "http://127.0.0.1:9/elsewhere"}}, "descriptor_malformed"),
        ({"lifecycle": "installed"}, "descriptor_malformed"),
    ],
)
def test_a_descriptor_that_cannot_work_is_refused(
    app: App, changes: dict[str, Any], code: str
) -> None:
    """Nothing is sent and nothing registered."""
    body = app.registration(descriptor={**app.descriptor(), **changes})
    assert app.admin.refused(400, "POST", "/admin/v1/apps", body)["code"] == code
    assert app.seen()["lifecycle"] == []
    app.admin.refused(404, "GET", f"/admin/v1/apps/{app.key}")


def test_what_cannot_be_installed(app: App) -> None:
    """An app without an installed path, a Forge app, and no app at all."""
    descriptor = {**app.descriptor(), "lifecycle": {}}
    answer = app.register(descriptor=descriptor)
    assert answer["installation"]["state"] == "INSTALLED"
    assert answer["sharedSecret"]
    refuse = app.admin.refused
    path = "/admin/v1/apps/{}/install"
    assert refuse(400, "POST", path.format(app.key))["code"] == "installed_path_missing"
    forge = {"kind": "forge", "serverAppKey": "s", "cloudAppKey": f"{app.key}.forge"}
    app.admin.ok("POST", "/admin/v1/apps", forge)
    for verb in ("install", "uninstall"):
        forged = refuse(409, "POST", f"/admin/v1/apps/{app.key}.forge/{verb}")
        assert forged["code"] == "app_not_connect"
        for unknown in ("nobody", "6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10", "%00", "%C3%A4"):
            found = refuse(404, "POST", f"/admin/v1/apps/{unknown}/{verb}")
            assert found["code"] == "app_not_found"
    assert app.uninstall()["state"] == "UNINSTALLED"
    assert app.uninstall()["lastCall"] is None


def test_one_app_by_each_of_its_names(app: App) -> None:
    """Key, key and environment, and id; a key may be in any script."""
    key = f"{app.key}.Häfen"
    descriptor = {**app.descriptor(), "key": key}
    made = app.register(descriptor=descriptor, cloudAppKey=key)
    for name in (key, f"{key}@development", made["appId"]):
        found = app.admin.ok("GET", f"/admin/v1/apps/{quote(name)}")
        assert (found["appId"], found["cloudAppKey"]) == (made["appId"], key)
    app.admin.refused(404, "GET", f"/admin/v1/apps/{quote(key)}@staging")
    staging = app.register(descriptor=descriptor, cloudAppKey=key, environment="staging")
    app.admin.refused(409, "GET", f"/admin/v1/apps/{quote(key)}")
    found = app.admin.ok("GET", f"/admin/v1/apps/{quote(key)}@staging")
    assert found["installation"]["clientKey"] == staging["installation"]["clientKey"]
    assert staging["installation"]["clientKey"] != made["installation"]["clientKey"]

"""`ferryman agent check`: each step, and what it says if it fails."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command import Command, command
from tests.kit.migration import AppMigration
from tests.kit.platform import free_port
from tests.networks.conftest import Site
from tests.networks.programs import HOST, PASSWORD, Forward, squid

STEPS = [
    *("proxy", "name", "connection", "tls", "platform"),
    *("token", "clock", "upload", "download", "removal"),
]


@pytest.fixture
def check(site: Site, migration: AppMigration, tmp_path: Path) -> Command:
    """The command, with the address and the token of an agent."""
    token = migration.tokens["serverToken"]
    return command(site.url(), tmp_path).given(FERRYMAN_SERVER_TOKEN=token)


def steps_of(check: Command, env: Mapping[str, str], status: int = 1) -> dict[str, Any]:
    """Return the steps by name, after looking that those after a failed one are skipped."""
    done = check.given(**env)("agent", "check", "--json")
    assert done.returncode == status, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] == (status == 0)
    steps = document["steps"]
    assert [each["step"] for each in steps] == STEPS
    failed = [each for each in steps if each["status"] == "failed"]
    assert len(failed) == status
    for step in failed:
        assert step["expected"]
        assert step["found"]
        rest = steps[steps.index(step) + 1 :]
        if step["step"] in STEPS[:6]:
            assert {each["status"] for each in rest} <= {"skipped"}
            assert {each["found"] for each in rest} <= {f"{step['step']} failed"}
    assert "wörd" not in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
    return {each["step"]: each for each in steps}


def stored(site: Site) -> list[Path]:
    """All files of app data, whole or in part."""
    return [each for each in (site.platform.data_dir / "objects").rglob("*") if each.is_file()]


def test_every_step_through_a_proxy_with_a_login(
    site: Site, login_squid: Forward, check: Command, migration: AppMigration
) -> None:
    before = stored(site)
    steps = steps_of(check, login_squid.environment(site.ca.file, PASSWORD), 0)
    assert {each["status"] for each in steps.values()} == {"ok"}
    proxy = login_squid.url()
    assert steps["proxy"]["found"] == f"{proxy}, with a login, connects to the host"
    assert steps["name"]["found"] == f"{HOST} is looked up by the proxy"
    assert f"certificate of {HOST}, issued by Harbour Root" in steps["tls"]["found"]
    assert str(site.ca.file) in steps["tls"]["found"]
    assert steps["token"]["found"].endswith(migration.registration["serverAppKey"])
    assert steps["clock"]["found"].endswith("the platform's")
    for name in ("upload", "download"):
        assert f"through {proxy}" in steps[name]["found"]
        assert steps[name]["bytesPerSecond"] > 0
    assert stored(site) == before


def test_for_people(site: Site, plain_squid: Forward, check: Command) -> None:
    said = check.given(**plain_squid.environment(site.ca.file)).ok("agent", "check")
    assert [line.split()[:2] for line in said.splitlines()] == [["ok", name] for name in STEPS]
    assert " MiB/s" in said


def test_without_proxy_or_tls(site: Site, check: Command) -> None:
    """The address of this machine; its signed URLs lead where only proxies get."""
    steps = steps_of(check, {"FERRYMAN_URL": site.platform.url, "HTTPS_PROXY": ""}, 1)
    assert steps["proxy"]["found"] == "none for 127.0.0.1"
    assert steps["name"]["found"] == "127.0.0.1 is 127.0.0.1"
    assert steps["tls"] == {
        **steps["tls"],
        "status": "skipped",
        "found": "the address begins with http://",
    }
    assert steps["clock"]["status"] == "ok"
    assert steps["upload"]["code"] == "name_unknown"
    assert steps["download"]["status"] == "skipped"
    assert steps["removal"]["status"] == "ok"


def test_a_proxy_without_its_login(site: Site, login_squid: Forward, check: Command) -> None:
    steps = steps_of(check, login_squid.environment(site.ca.file, "secret"))
    assert steps["proxy"]["code"] == "proxy_authentication"
    assert "USER:PASSWORD" in steps["proxy"]["fix"]


def test_a_proxy_that_is_not_there(check: Command) -> None:
    steps = steps_of(check, {"HTTPS_PROXY": f"http://u:secret@127.0.0.1:{free_port()}"})
    assert steps["proxy"]["code"] == "proxy_unreachable"


def test_a_name_that_is_not_known(check: Command) -> None:
    steps = steps_of(check, {"FERRYMAN_URL": "https://nowhere.invalid"})
    assert steps["name"]["code"] == "name_unknown"


def test_nobody_listens(check: Command) -> None:
    steps = steps_of(check, {"FERRYMAN_URL": f"http://127.0.0.1:{free_port()}"})
    assert steps["connection"]["code"] == "connection_refused"


@pytest.mark.parametrize("wrong", ["untrusted", "expired", "for clients"])
def test_a_certificate_that_is_refused(
    site: Site, plain_squid: Forward, check: Command, wrong: str
) -> None:
    env = {**plain_squid.environment(site.ca.file), "FERRYMAN_URL": site.url(wrong)}
    steps = steps_of(check, env)
    assert steps["tls"]["code"].startswith("certificate_")
    issuer = "Stranger Root" if wrong == "untrusted" else "Harbour Root"
    assert f"issued by {issuer}" in steps["tls"]["found"]


def test_a_company_that_looks_into_tls(site: Site, check: Command) -> None:
    with squid(site.connect, inspects=site.inspector.with_key(), trusts=site.ca.file) as proxy:
        good = steps_of(check, proxy.environment(site.inspector.file), 0)
        assert "issued by Company Inspector" in good["tls"]["found"]
        steps = steps_of(check, proxy.environment(site.ca.file))
        assert "issued by Company Inspector" in steps["tls"]["found"]
        assert "SSL_CERT_FILE" in steps["tls"]["fix"]


def test_another_server(site: Site, login_squid: Forward, check: Command) -> None:
    """Squid itself, which is no platform."""
    steps = steps_of(check, {"FERRYMAN_URL": f"http://127.0.0.1:{login_squid.port}"})
    assert "and a page of HTML, and not by Ferryman but by squid" in steps["platform"]["found"]


def test_a_token_that_is_wrong(site: Site, plain_squid: Forward, check: Command) -> None:
    env = {**plain_squid.environment(site.ca.file), "FERRYMAN_SERVER_TOKEN": "of-nobody"}
    assert steps_of(check, env)["token"]["code"] == "token_invalid"


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"HTTPS_PROXY": "socks5://u:secret@h:1"}, "proxy_invalid"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "ca_bundle_unreadable"),
    ],
)
def test_a_setting_that_cannot_be_used(check: Command, env: dict[str, str], code: str) -> None:
    assert "secret" not in check.given(**env).refused(code, "agent", "check")


def test_a_check_belongs_to_its_app(migration: AppMigration, site: Site) -> None:
    """Another app's check looks like one that does not exist; so does no check at all."""
    part = {"number": 1, "size": 3, "sha256": "0" * 64}
    begun = migration.server.ok("POST", "/server/v1/checks", {"part": part})
    other = AppMigration.register_app(site.platform).server
    path = f"/server/v1/checks/{begun['checkId']}"
    assert other.refused(404, "DELETE", f"{path}?uploadRef=x")["code"] == "check_not_found"
    body = {"uploadRef": begun["uploadRef"], "part": {**part, "etag": "0" * 64}}
    assert other.refused(404, "POST", f"{path}/complete", body)["code"] == "check_not_found"
    migration.server.ok("DELETE", f"{path}?uploadRef={begun['uploadRef']}")
    migration.server.ok("DELETE", f"{path}?uploadRef={begun['uploadRef']}")
    large = {**part, "size": (8 << 20) + 1}
    refused = migration.server.refused(400, "POST", "/server/v1/checks", {"part": large})
    assert refused["code"] == "check_part_invalid"

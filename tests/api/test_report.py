"""The report of a migration: what it says, and that nobody can change what it says."""

import json
import re
from pathlib import Path
from typing import Any

import jwt
import pytest

from ferryman.client.report_file import keys_from, verify_report
from ferryman.client.signature import claims_of, read_keys
from ferryman.errors import ConfigError
from ferryman.tokens import SigningKey, jwks, report_token
from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

HOSTILE = "</script><!-- signature: \u2028 \u202e&amp; \x1b[31m"


@pytest.fixture(scope="module")
def reported(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> FunctionMigration:
    """A migration of which one message was given up, with keys that were looked up in vain."""
    folder = tmp_path_factory.mktemp("reported")
    migration = FunctionMigration.begin(running_platform, folder, handler="index.refuse")
    migration.upload("boards")
    migration.upload("boards")
    migration.upload(HOSTILE)
    migration.complete_export()
    own = f"/app/migration/forge/v1/mapping/{migration.transfer_id}/find"
    migration.cloud.call("POST", f"{own}?namespace=identity:user", ["ada", "bo"])
    path = f"/admin/v1/transfers/{migration.transfer_id}/messages?state=UNDELIVERED"
    while len(migration.admin.ok("GET", path)["items"]) < 3:
        migration.advance(600)
    return migration


@pytest.fixture
def keys(running_platform: PlatformProcess, tmp_path: Path) -> Path:
    """The public keys of the platform, kept in a file."""
    file = tmp_path / "keys.json"
    file.write_bytes(running_platform.caller("").call("GET", "/.well-known/jwks.json").body)
    return file


def downloaded(migration: FunctionMigration, folder: Path, name: str) -> Path:
    path = f"/admin/v1/migrations/{migration.migration_id}/{name}"
    reply = migration.admin.call("GET", path)
    assert reply.status == 200, reply.body
    file = folder / name.partition("?")[0]
    file.write_bytes(reply.body)
    return file


def test_it_says_what_was_carried_what_failed_and_who_did_it(
    reported: FunctionMigration, tmp_path: Path
) -> None:
    told: Any = json.loads(downloaded(reported, tmp_path, "report?verify=true").read_text())
    assert told["migration"]["name"] == reported.plan["name"]
    assert told["totals"]["files"] == 3
    assert told["totals"]["undelivered"] == len(told["failures"])
    [transfer] = told["transfers"]
    assert transfer["digests"] == {"sha256": 3, "partsSha256": 0, "deleted": 0}
    assert transfer["reread"]["proven"] == 3
    assert transfer["why"]
    counted = {each["label"]: each["files"] for each in told["labels"]}
    assert counted == {"boards": 2, HOSTILE: 1}
    failed = [each for each in told["failures"] if each["label"] == HOSTILE]
    assert failed[0]["cause"] == "function_raised"
    assert failed[0]["errorClass"] == "ValueError"
    done = {each["operation"]: each["actor"] for each in told["actions"]}
    assert done["create_migration"] == done["start_migration"] == "operator-token"


@pytest.mark.parametrize("name", ["report", "report.html"])
def test_it_is_verified_without_a_platform(
    reported: FunctionMigration, keys: Path, tmp_path: Path, name: str
) -> None:
    file = downloaded(reported, tmp_path, name)
    found = verify_report(file, keys_from(keys))
    assert found.head.migration.migration_id == reported.migration_id
    assert found.items["labels"] == 2


@pytest.mark.parametrize("name", ["report", "report.html"])
def test_no_byte_can_be_changed_added_or_left_out(
    reported: FunctionMigration, keys: Path, tmp_path: Path, name: str
) -> None:
    """Some hundred places over the whole file, its beginning and its end."""
    file = downloaded(reported, tmp_path, name)
    whole = file.read_bytes()
    known = keys_from(keys)
    size = len(whole)
    places = {*range(0, size, size // 97 + 1), *range(40), *range(size - 40, size)}
    for place in sorted(places):
        for changed in (
            whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
            whole[:place] + whole[place + 1 :],
            whole[:place] + b" " + whole[place:],
            whole[:place],
        ):
            file.write_bytes(changed)
            with pytest.raises(ConfigError) as refused:
                verify_report(file, known)
            assert refused.value.code == "report_invalid", (place, changed[place - 9 : place + 9])
    file.write_bytes(whole + b"\n")
    with pytest.raises(ConfigError):
        verify_report(file, known)


def test_the_page_shows_text_of_others_as_text(reported: FunctionMigration, tmp_path: Path) -> None:
    page = downloaded(reported, tmp_path, "report.html").read_text()
    assert page.count("</script>") == 1
    assert not re.search(r"(src|href)=", page)
    shown, _, _ = page.partition("<script")
    assert not set(shown) & set("\u2028\u202e\x1b")
    assert "&lt;/script&gt;&lt;!-- signature: \\u2028 \\u202e&amp;amp; \\x1b[31m" in page


def test_another_key_and_another_signature_are_refused(
    reported: FunctionMigration, keys: Path, tmp_path: Path
) -> None:
    file = downloaded(reported, tmp_path, "report")
    other = SigningKey.generate()
    with pytest.raises(ConfigError, match="signature by the key"):
        verify_report(file, read_keys(json.dumps(jwks([other])).encode()))
    [own] = json.loads(keys.read_text())["keys"]
    forged = jwks([other])["keys"][0] | {"kid": own["kid"]}
    with pytest.raises(ConfigError, match="did not make"):
        verify_report(file, read_keys(json.dumps({"keys": [forged]}).encode()))
    whole = file.read_bytes()
    for claims, algorithm, secret in (
        ({"iss": "ferryman", "aud": "expunge-receipt"}, "RS256", other.private_pem),
        ({"iss": "ferryman", "aud": "migration-report"}, "HS256", "k" * 32),
        ({"iss": "ferryman", "aud": "migration-report"}, "none", None),
    ):
        token = jwt.encode(claims, secret, algorithm, headers={"kid": other.kid})  # type: ignore[arg-type]
        head = whole[: whole.rindex(b'],"signature"')]
        file.write_bytes(head + b'],"signature":"' + token.encode() + b'"}\n')
        with pytest.raises(ConfigError):
            verify_report(file, read_keys(json.dumps(jwks([other])).encode()))


def test_tokens_of_the_platform_are_read_as_the_library_reads_them() -> None:
    key = SigningKey.generate()
    known = read_keys(json.dumps(jwks([key])).encode())
    token = report_token(key, {"sha256": "0"})
    assert claims_of(token, known)["sha256"] == "0"
    head, body, signature = token.split(".")
    for wrong in (f"{head}.{body}.{signature[:-6]}AAAAAA", f"{head}.{body}.", f"{head}.{body}x.AA"):
        with pytest.raises(ValueError, match="signature"):
            claims_of(wrong, known)


def test_the_commands_get_it_and_verify_it_offline(
    reported: FunctionMigration, running_platform: PlatformProcess, tmp_path: Path
) -> None:
    """And a changed file is refused with what to do."""
    platform = running_platform
    run = Command(platform.env)
    where = ("--url", platform.url, "--token", platform.operator_token)
    keys, page, report = (tmp_path / name for name in ("keys", "page.html", "report.json"))
    keys.write_text(run.ok("key", "export", *where))
    run.ok("migration", "report", reported.migration_id, "--html", str(page), *where)
    report.write_text(run.ok("migration", "report", reported.migration_id, *where))
    for file in (page, report):
        told = run.ok("report", "verify", str(file), "--key", str(keys))
        assert reported.migration_id in told
        text = file.read_bytes()
        file.write_bytes(text.replace(b"boards", b"bards!", 1))
        said = run.refused("report_invalid", "report", "verify", str(file), "--key", str(keys))
        assert "other bytes than were signed" in said


def test_a_report_of_an_open_migration_says_so(
    running_platform: PlatformProcess, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(running_platform, tmp_path / "app", claim=False)
    told = json.loads(downloaded(migration, tmp_path, "report").read_text())
    assert told["settled"] is False
    assert told["failures"] == []
    migration.claim()
    migration.complete_export()
    assert wait_until(
        lambda: json.loads(downloaded(migration, tmp_path, "report").read_text())["settled"]
    )

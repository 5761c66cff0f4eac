"""A cursor continues only the query that gave it."""

import base64
import json
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ferryman.errors import Invalid
from ferryman.services.platform import decode_cursor, decode_position, encode_cursor
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess, problem

FORGE = "/app/migration/forge/v1"
PARTS = st.lists(st.text(max_size=5), max_size=3)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), PARTS, PARTS)
@example("1", ["a", "b"], ["a, b"])
@example("1", ["a'", "b"], ["a", "'b"])
@example("", [], [""])
def test_a_cursor_is_read_by_its_own_query_only(
    text: str, query: list[str], other: list[str]
) -> None:
    cursor = encode_cursor(text, *query)
    assert cursor == quote(cursor)
    assert decode_cursor(cursor, *query) == text
    if other != query:
        with pytest.raises(Invalid):
            decode_cursor(cursor, *other)


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda b: base64.b64encode(b).decode()))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with suppress(Invalid):
        assert decode_position(text, "list") >= 0


def first_page(caller: Caller, path: str) -> Any:
    """The cursor that the first page of one gives."""
    page = caller.ok("GET", f"{path}pageSize=1")
    meta = page.get("meta", page)
    return meta.get("nextCursor") or meta.get("lastEvaluatedKey") or meta.get("lastEntity")


def test_a_cursor_of_another_query_is_refused(
    platform_process: PlatformProcess, app_folder: Path, tmp_path: Path
) -> None:
    one = FunctionMigration.begin(platform_process, app_folder)
    other = FunctionMigration.begin(platform_process, tmp_path / "other")
    for migration in (one, other):
        for label in ("a", "b"):
            migration.send(label)
        rows = [
            {"namespace": namespace, "serverKey": str(key), "cloudKey": "7"}
            for namespace in ("jira:issue", "jira:board")
            for key in range(2)
        ]
        migration.admin.call(
            "PUT",
            f"/admin/v1/migrations/{migration.migration_id}/mappings",
            raw="\n".join(map(json.dumps, rows)).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
    queries: list[tuple[Caller, str, str]] = [
        (one.admin, "/admin/v1/apps?", "cursor"),
        (one.admin, "/admin/v1/migrations?", "cursor"),
    ]
    for migration in (one, other):
        transfer = migration.transfer_id
        mappings = f"{FORGE}/mapping/{transfer}/page?namespace"
        queries += [
            (migration.admin, f"/admin/v1/transfers/{transfer}/messages?", "cursor"),
            (migration.admin, f"/admin/v1/transfers/{transfer}/timeline?", "cursor"),
            (migration.cloud, f"{mappings}=jira:issue&", "lastEntity"),
            (migration.cloud, f"{mappings}=jira:board&", "lastEntity"),
            (migration.cloud, f"{FORGE}/data/{transfer}/page?", "lastEvaluatedKey"),
        ]
    cursors = [first_page(caller, path) for caller, path, _ in queries]
    assert all(cursors)
    for mine, foreign in permutations(range(len(queries)), 2):
        caller, path, name = queries[mine]
        document = caller.refused(400, "GET", f"{path}{name}={cursors[foreign]}")
        assert document["code"] == "cursor_invalid", (path, queries[foreign][1])
    for (caller, path, name), cursor in zip(queries, cursors, strict=True):
        # In another spelling of the id, and with another size of page, it is the same query.
        for spelled in (path, path.replace(one.transfer_id, one.transfer_id.upper())):
            assert caller.ok("GET", f"{spelled}pageSize=2&{name}={cursor}")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    query=st.text(max_size=60) | st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    name=st.sampled_from(["lastEntity", "pageSize", "namespace", "other", ""]),
)
def test_any_query_string_is_answered_or_refused(
    running_platform: PlatformProcess, tmp_path: Path, query: str, name: str
) -> None:
    caller = running_platform.caller(running_platform.operator_token)
    try:
        raw = quote(query, safe="%&=;+/?:@!$'()*,[]", errors="surrogatepass")
        for path in ("/admin/v1/migrations", "/admin/v1/apps"):
            reply = caller.call("GET", f"{path}?{name}={raw}&cursor={raw}")
            assert reply.status in (200, 400), reply.body
            if reply.status == 400:
                problem(reply)
    finally:
        running_platform.callers.remove(caller)
        caller.close()

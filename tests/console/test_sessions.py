"""Sessions and one-time links live in the database, so every replica knows them."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import pytest

from tests.console.people import Console
from tests.kit.database import database_url
from tests.kit.database_pool import DatabasePool
from tests.kit.platform import Caller, PlatformProcess, Reply, wait_until


@dataclass
class Replicas:
    """Two API processes on one database."""

    first: PlatformProcess
    second: PlatformProcess
    database: str

    @property
    def admin(self) -> Caller:
        return self.first.caller(self.first.operator_token)

    def link(self) -> str:
        """The code of a link that the first replica made."""
        path: str = self.admin.ok("POST", "/console/links")["path"]
        return path.rpartition("/")[2]

    def execute(self, sql: str) -> list[Any]:
        async def run() -> list[Any]:
            connection: Any = await asyncpg.connect(self.database)
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(run())


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, databases: DatabasePool
) -> Iterator[Replicas]:
    data, name = tmp_path_factory.mktemp("replicas") / "data", databases.take()
    url = database_url(postgres, name)
    with (
        PlatformProcess(data, database_url=url) as first,
        PlatformProcess(data, database_url=url) as second,
    ):
        yield Replicas(first, second, url)
    databases.give_back(name)


def test_a_link_works_on_the_other_replica_once(replicas: Replicas) -> None:
    code = replicas.link()
    other, own = Console(replicas.second), Console(replicas.first)
    assert other.post("enter", {"code": code}).status == 303
    assert own.post("enter", {"code": code}).status == 401
    assert other.get().status == 200
    assert own.get().status == 303


def test_of_many_who_open_a_link_at_once_one_gets_in(replicas: Replicas) -> None:
    """On both replicas, as a link may be opened in two browsers at the same moment."""
    for _ in range(10):
        code = replicas.link()
        people = [Console(each) for each in (replicas.first, replicas.second) * 4]
        with ThreadPoolExecutor(len(people)) as pool:
            replies = [*pool.map(partial(_enter, code), people)]
        assert sorted(reply.status for reply in replies) == [303, *[401] * 7]
        assert sum(person.get().status == 200 for person in people) == 1


def test_a_link_that_is_too_old_signs_nobody_in(replicas: Replicas) -> None:
    code = replicas.link()
    replicas.execute("UPDATE sign_in_link SET expires_at = now() - interval '1 second'")
    person = Console(replicas.second)
    assert person.post("enter", {"code": code}).status == 401
    assert person.cookies == {}


@pytest.mark.parametrize("by", ["token", "link"])
def test_a_session_goes_on_and_ends_on_both(replicas: Replicas, by: str) -> None:
    """Signing out ends it for who copied the cookie as well, everywhere."""
    person = Console(replicas.first)
    if by == "token":
        person.sign_in(replicas.first.operator_token)
    else:
        person.post("enter", {"code": replicas.link()})
    copied = Console(replicas.second)
    copied.cookies = dict(person.cookies)
    assert copied.get().status == 200
    assert person.send("sign-out").status == 303
    assert wait_until(lambda: copied.get().status == 303)


def test_an_admin_sees_and_ends_sessions(replicas: Replicas) -> None:
    admin = replicas.admin
    token = admin.ok("POST", "/admin/v1/tokens", {"name": "ivy", "role": "viewer"})["token"]
    person = Console(replicas.second)
    person.sign_in(token)
    [session] = [each for each in _sessions(admin) if each["name"] == "ivy"]
    assert (session["role"], session["method"]) == ("viewer", "token")
    assert session["address"] == "127.0.0.1"
    path = f"/admin/v1/sessions/{session['sessionId']}/end"
    assert admin.ok("POST", path)["name"] == "ivy"
    assert wait_until(lambda: person.get().status == 303)
    assert admin.refused(404, "POST", path)["code"] == "session_not_found"
    rows = admin.ok("GET", "/admin/v1/audit?pageSize=10")["items"]
    found = [(row["operation"], row["actor"]) for row in rows]
    assert found[0] == ("end_session", "operator-token")
    assert ("sign_in", "ivy") in found


def test_a_link_of_a_revoked_token_signs_nobody_in(replicas: Replicas) -> None:
    admin = replicas.admin
    token = admin.ok("POST", "/admin/v1/tokens", {"name": "joe", "role": "viewer"})["token"]
    path = replicas.second.caller(token).ok("POST", "/console/links")["path"]
    admin.ok("POST", "/admin/v1/tokens/joe/revoke")
    assert Console(replicas.first).post("enter", {"code": path.rpartition("/")[2]}).status == 401


def test_a_session_that_is_too_old_is_over(replicas: Replicas) -> None:
    person = Console(replicas.first)
    person.sign_in(replicas.first.operator_token)
    assert person.get().status == 200
    replicas.execute("UPDATE console_session SET expires_at = now() - interval '1 second'")
    assert wait_until(lambda: person.get().status == 303)
    assert _sessions(replicas.admin) == []


def test_the_database_holds_no_secret_of_them(replicas: Replicas) -> None:
    """Not a code and not a cookie: whoever reads a backup can sign in nowhere."""
    code = replicas.link()
    person = Console(replicas.first)
    person.post("enter", {"code": replicas.link()})
    rows = replicas.execute("SELECT * FROM console_session")
    links = replicas.execute("SELECT * FROM sign_in_link")
    assert rows
    assert links
    text = repr([*rows, *links, *replicas.execute("SELECT * FROM audit")])
    for secret in (code, *person.cookies.values(), replicas.first.operator_token):
        assert secret not in text
    assert not re.search(r"fm_(session|link)_", text)


def _enter(code: str, person: Console) -> Reply:
    return person.post("enter", {"code": code})


def _sessions(admin: Caller) -> list[Any]:
    items: list[Any] = admin.ok("GET", "/admin/v1/sessions")["items"]
    return items

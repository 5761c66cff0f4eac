"""Handlers with a planted mistake each, and a sound one: what fault injection finds in them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ferryman.devtools.faults.environment import Environment, open_environment
from ferryman.devtools.faults.search import FailingPlan, search, shrink, try_plan
from ferryman.devtools.faults.state import Trial
from ferryman.devtools.faults.trial import TrialRunner
from ferryman.domain.fault_candidates import covers
from ferryman.domain.fault_oracle import AppRefusal, Observation
from ferryman.domain.fault_plan import parse
from ferryman.store.mariadb.server import EmbeddedMariaDB
from ferryman.vocab import AppKind, EventType
from ferryman.wire.app import AppRegistration
from tests.faults import later
from tests.faults.handlers import (
    ASKS_TWICE,
    COUNTS_IN_FORGES_STORE,
    JAVASCRIPT,
    KEEPS_ROWS_AND_OBJECTS,
    NOT_IDEMPOTENT,
    PASSES_ON,
    PLANTED,
    REFUSED_IN_THE_CALM,
    SOUND,
)
from tests.functions.packages import link_packages
from tests.kit.manifests import function_manifest
from tests.kit.mariadb import need_mariadb
from tests.kit.sql import MODULE

STATE = "cat store/* 2>/dev/null || true"
MAPPINGS = "namespace,serverKey,cloudKey\nidentity:user,jira.userkey/ann,712020:ann\n"
EVERY_KIND = """
uploaded=together; uploaded:1=twice, uploaded:2=after-all; uploaded:1=at-once, url:2=expired;
uploaded:1=late, uploaded:2=first, file:1=cut; uploaded:1=last, file:1=limit, find:2=429;
url:1=404, find:2=403; acknowledge:1=lost, acknowledge:2=kill-after; file:2=slow, acknowledge:1=409;
find:1=503, file:2=500, any:7=kill
"""


class Lab:
    """A environment on which one app after another is tried."""

    def __init__(self, folder: Path, runner: asyncio.Runner, environment: Environment) -> None:
        self._folder = folder
        self._runner = runner
        self._environment = environment

    def runner(
        self, name: str, events: list[str] | None = None, code: str = "", file: str = "index.py"
    ) -> TrialRunner:
        """The app of that name, and a migration of two notes and two comments."""
        folder = self._folder / name
        source, files = folder / "app", folder / "files"
        source.mkdir(parents=True)
        files.mkdir()
        (source / "sound.py").write_text(SOUND)
        (source / file).write_text(code or (PLANTED[name][0] if name in PLANTED else SOUND))
        notes = [{"id": f"note-{n}", "text": f"note {n}", "author": "ann"} for n in (1, 2)]
        comments = [{**each, "id": f"c-{each['id']}", "note": each["id"]} for each in notes]
        for label, records in (("1-notes", notes), ("2-comments", comments)):
            (files / label).write_text("".join(json.dumps(each) + "\n" for each in records))
        (folder / "mappings.csv").write_text(MAPPINGS)
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key=f"{name}.server",
            cloud_app_key=name,
            manifest=function_manifest(events=events or [EventType.UPLOADED.value]),
        )
        trial = Trial(
            source=source,
            work=folder / "work",
            registration=registration,
            files=tuple((file, file.name) for file in sorted(files.iterdir())),
            mappings=folder / "mappings.csv",
            state=STATE,
        )
        return TrialRunner(self._environment, trial)

    def remote(self, store: Path) -> tuple[FailingPlan | None, float]:
        """An app that runs by itself, under one fault plan; seconds of platform time for it all."""
        runner = self.runner("remote")
        store.mkdir()

        async def run() -> tuple[FailingPlan | None, float]:
            async with later.Remote(store).answering() as url:
                registration = msgspec.structs.replace(
                    runner.trial.registration,
                    manifest=later.manifest(url, EventType.UPLOADED.value),
                )
                runner.trial = replace(
                    runner.trial,
                    registration=registration,
                    state=f"cat {store}/*",
                    reset=f"rm -f {store}/*",
                    patience=60.0,
                )
                before = await self._environment.platform.database.now()
                await runner.begin()
                found = await try_plan(runner, parse("uploaded:1=twice"), 1)
                passed = await self._environment.platform.database.now() - before
                return found, passed.total_seconds()

        return self._runner.run(run())

    def calm(self, runner: TrialRunner) -> Observation:
        return self._runner.run(runner.begin())

    def shortest(self, runner: TrialRunner, script: str) -> FailingPlan | None:
        async def run() -> FailingPlan | None:
            await runner.begin()
            return await shrink(runner, parse(script), 1, lambda *_: None)

        return self._runner.run(run())

    def hunt(self, runner: TrialRunner, *, budget: int, finds: int = 1) -> list[FailingPlan]:
        async def run() -> list[FailingPlan]:
            runner.calm = await runner.run((), 1)
            return [
                *await search(runner, budget=budget, seed=1, finds=finds, progress=lambda *_: None)
            ]

        return self._runner.run(run())

    def attempt(self, runner: TrialRunner, script: str) -> FailingPlan | None:
        async def run() -> FailingPlan | None:
            if runner.calm is None:
                await runner.begin()
            return await try_plan(runner, parse(script), 1)

        return self._runner.run(run())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("faults")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        environment = runner.run(stack.enter_async_context(open_environment(folder)))
        try:
            yield Lab(folder, runner, environment)
        finally:
            runner.run(stack.aclose())
            assert not EmbeddedMariaDB(folder).runs()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(lab: Lab, name: str) -> None:
    """By a script of one step, and told of as what it is."""
    events = [each.value for each in EventType] if name == "in_memory" else None
    runner = lab.runner(name, events)
    (found,) = lab.hunt(runner, budget=20)
    assert len(found.plan) == 1, found.plan
    assert PLANTED[name][1] in [each.kind for each in found.complaints], found
    assert found.seen.timeline


@pytest.mark.timeout(300)
def test_the_search_goes_on_after_a_harmless_find(lab: Lab) -> None:
    """To one that does harm, which comes first, though it was found later."""
    runner = lab.runner("passes_on", code=PASSES_ON)
    found = lab.hunt(runner, budget=30)
    assert [each.kinds for each in found] == [{"status", "state"}, {"threw_settled"}], found
    assert [each.harmless for each in found] == [False, True]


@pytest.mark.timeout(300)
def test_the_search_goes_on_after_a_find_that_does_harm(lab: Lab) -> None:
    """To one that is another, for as many as were asked for."""
    found = lab.hunt(lab.runner("twice", code=NOT_IDEMPOTENT), budget=20, finds=2)
    assert [each.kinds - {"threw_settled"} for each in found] == [{"state"}] * 2, found
    first, second = (each.plan for each in found)
    assert not covers(first, second)


@pytest.mark.timeout(300)
def test_what_is_ignored_is_not_reported(lab: Lab) -> None:
    """And no script is one that fails because of it."""
    runner = lab.runner("ignored", code=PASSES_ON)
    runner.trial = replace(runner.trial, ignored=frozenset({"threw_settled"}))
    (found,) = lab.hunt(runner, budget=30)
    assert found.kinds == {"status", "state"}, found


@pytest.mark.timeout(300)
def test_the_calm_run_says_which_calls_were_refused(lab: Lab) -> None:
    """By the platform itself, with its code: a handler that goes on hides them."""
    calm = lab.calm(lab.runner("refused", code=REFUSED_IN_THE_CALM))
    assert calm.refused == (
        AppRefusal("url:1", 404, "file_not_found"),
        AppRefusal("url:2", 404, "file_not_found"),
    )
    assert "    refused: url:1 404 file_not_found" in calm.timeline


@pytest.mark.timeout(300)
def test_a_mistake_that_takes_two_steps_is_made_as_short(lab: Lab) -> None:
    """From a share: what it struck, and of that what it takes."""
    found = lab.shortest(lab.runner("asks_twice", code=ASKS_TWICE), "find:90%=503, url:1=lost")
    assert found is not None
    assert [(step.target, step.how) for step in found.plan] == [("find", "503")] * 2
    assert all(step.nth is not None for step in found.plan)
    assert found.shortest
    assert [each.kind for each in found.complaints] == ["state"]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("javascript")
def test_a_mistake_in_javascript_is_found(lab: Lab) -> None:
    """With what the platform gives to functions in Node."""
    runner = lab.runner("javascript", code=JAVASCRIPT, file="index.js")
    (found,) = lab.hunt(runner, budget=20)
    assert [each.kind for each in found.complaints] == ["state"]
    assert found.plan[0].target == "uploaded"


@pytest.mark.timeout(300)
def test_what_an_app_keeps_in_forges_store_is_compared(lab: Lab) -> None:
    """Without a command, and from an empty store in each run."""
    runner = lab.runner("kvs", code=COUNTS_IN_FORGES_STORE)
    manifest: dict[str, Any] = {**(runner.trial.registration.manifest or {})}
    tally = {"name": "tally", "attributes": {"events": {"type": "integer"}}}
    manifest["app"] = {**manifest["app"], "storage": {"entities": [tally]}}
    registration = msgspec.structs.replace(runner.trial.registration, manifest=manifest)
    runner.trial = replace(runner.trial, state=None, registration=registration)

    def kept(state: str | None) -> list[Any]:
        return [json.loads(line) for line in (state or "").splitlines()]

    assert kept(lab.calm(runner).state) == [
        ["count", False, 2],
        ["tally", "count", False, {"events": 2}],
    ]
    found = lab.attempt(runner, "uploaded:1=twice")
    assert found is not None
    assert "state" in found.kinds
    assert kept(found.seen.state) == [
        ["count", False, 3],
        ["tally", "count", False, {"events": 3}],
    ]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("javascript")
def test_rows_and_objects_are_compared_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the packages from npm write them; not what the server fills in by itself."""
    need_mariadb()
    # A calm run in which a function is ended for its time, and called again, is none.
    settings = lab._environment.platform.settings
    monkeypatch.setitem(vars(settings), "function_seconds", 120.0)  # it is frozen
    assert settings.function_seconds == 120.0
    runner = lab.runner("rows", code=KEEPS_ROWS_AND_OBJECTS, file="index.js")
    link_packages(runner.trial.source, ("@forge/sql@4.0.8", "@forge/object-store@3.0.0"))
    manifest: dict[str, Any] = {**(runner.trial.registration.manifest or {})}
    store = {"objectStore": [{"key": "store", "storageClass": "standard"}]}
    manifest["modules"] = {**manifest["modules"], **store, "sql": MODULE}
    registration = msgspec.structs.replace(runner.trial.registration, manifest=manifest)
    runner.trial = replace(runner.trial, state=None, registration=registration)

    def kept(state: str | None) -> list[Any]:
        lines = [json.loads(line) for line in (state or "").splitlines()]
        return [
            each.get("row") or each["object"][:3]
            for each in lines
            if "definition" not in each and each.get("table") != "__migrations"
        ]

    once, rows = len("came 1 times"), [{"file": "1-notes", "times": n} for n in (1, 2)]
    objects = [["1-notes", False, once], ["2-comments", False, once]]
    others = {"file": "2-comments", "times": 1}
    assert kept(lab.calm(runner).state) == [*objects, rows[0], others]
    found = lab.attempt(runner, "uploaded:1=twice")
    assert found is not None
    assert "state" in found.kinds
    assert kept(found.seen.state) == [*objects, rows[1], others]


@pytest.mark.timeout(300)
def test_a_remote_may_answer_first_and_import_later(lab: Lab, tmp_path: Path) -> None:
    """Time is frozen until it has acknowledged what it took."""
    found, passed = lab.remote(tmp_path / "store")
    assert found is None, found
    assert passed < 3600  # the first timer that it could have been moved to is hours away


@pytest.mark.timeout(300)
def test_a_sound_handler_comes_through(lab: Lab) -> None:
    """One script of each kind, and one of three steps."""
    runner = lab.runner("sound")
    for script in EVERY_KIND.split(";"):
        found = lab.attempt(runner, script)
        assert found is None, (script, found)


@pytest.mark.timeout(300)
def test_a_throw_because_of_a_signed_url_is_no_mistake(lab: Lab) -> None:
    """Its request names no delivery; the one that it disturbed may be one that comes again."""
    assert lab.attempt(lab.runner("signed"), "uploaded:1=twice, file:2=503") is None


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_sound_handler_comes_through_all(lab: Lab) -> None:
    """All single steps with all events, pairs, and longer scripts."""
    found = lab.hunt(lab.runner("sound", [each.value for each in EventType]), budget=500)
    assert found == [], found

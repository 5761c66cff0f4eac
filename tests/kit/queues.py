"""A Forge app with queues, whose calls are made as its package makes them."""

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import UPLOADED, function_manifest
from tests.kit.platform import PlatformProcess, Reply, wait_until

PATH = "/app/forge/queue"
SCHEMA = "ari:cloud:ecosystem::forge/app-event-2"
LONG = "long"
"""The queue whose consumer may take 900 s."""

APP = """\
import json, os, pathlib, time, uuid

FOLDER = pathlib.Path(__file__).parent

def run(event, context):
    new = FOLDER / f"token-{uuid.uuid4()}"
    new.write_text(os.environ["FERRYMAN_TOKEN"])
    new.replace(FOLDER / "token")  # never half written: a later call does it again

def consume(event, context):
    with (FOLDER / "calls.jsonl").open("a") as book:
        book.write(json.dumps(event) + "\\n")
    asked = event["body"] if "body" in event else event["call"]["payload"]
    if "until" in asked:
        while not (FOLDER / asked["until"]).exists():
            time.sleep(0.01)
    if "raises" in asked:
        raise ValueError(asked["raises"])
"""

_numbers = count(1)


def queue_manifest() -> dict[str, Any]:
    """Return a manifest with a consumer for each form."""
    manifest = function_manifest(events=[UPLOADED])
    modules = manifest["modules"]
    modules["function"] += [
        {"key": "usual", "handler": "index.consume"},
        {"key": "long", "handler": "index.consume", "timeoutSeconds": 900},
    ]
    modules["consumer"] = [
        {"key": "c-usual", "queue": "usual", "function": "usual"},
        {"key": "c-other", "queue": "other", "function": "usual"},
        {"key": "c-long", "queue": LONG, "function": "long"},
        {
            "key": "c-resolver",
            "queue": "resolver",
            "resolver": {"function": "usual", "method": "m"},
        },
        {"key": "c-nowhere", "queue": "nowhere", "endpoint": "e"},
    ]
    return manifest


@dataclass
class QueueApp:
    """What one app pushes on the site of a migration, and what its consumers got."""

    migration: FunctionMigration
    token: str

    def __post_init__(self) -> None:
        self.caller = self.migration.platform.caller(self.token)
        self.folder = self.migration.folder

    @classmethod
    def begin(cls, platform: PlatformProcess, folder: Path, **options: Any) -> "QueueApp":
        """Register an app and have it called with a token for its site."""
        options = {"code": APP, "manifest": queue_manifest(), **options}
        return cls(*FunctionMigration.begin_with_token(platform, folder, **options))

    def call(self, path: str, body: object) -> Reply:
        """Make one call."""
        return self.caller.call("POST", f"{PATH}/{path}", raw=json.dumps(body).encode())

    def publish(self, queue: str, job: str, *events: object, **members: Any) -> Reply:
        """Push events, whatever they are."""
        body = {"queueName": queue, "jobId": job, "schema": SCHEMA, "payload": events} | members
        return self.call("publish", body)

    def push(self, body: object, queue: str = "usual", **options: Any) -> str:
        """Push one event; return the id of its job."""
        job = f"job-{next(_numbers)}"
        reply = self.publish(queue, job, {"body": body, **options})
        assert reply.status == 201, reply.body
        return job

    def stats(self, job: str, queue: str = "usual") -> dict[str, int]:
        """Return what became of a job's events."""
        reply = self.call("stats", {"queueName": queue, "jobId": job})
        assert reply.status == 200, reply.body
        found: dict[str, int] = reply.json
        return found

    def cancel(self, job: str, queue: str = "usual") -> None:
        assert self.call("cancel", {"queueName": queue, "jobId": job}).status == 204

    def ended(self, job: str, queue: str = "usual") -> dict[str, int]:
        """Wait until no event of a job is in progress; return its counts."""
        wait_until(lambda: self.stats(job, queue)["inProgress"] == 0)
        return self.stats(job, queue)

    def calls(self, job: str) -> list[Any]:
        """Return the arguments with which a job's consumers were called, in order."""
        book = self.folder / "calls.jsonl"
        # A call may be in the middle of writing the last line.
        lines = book.read_text().split("\n")[:-1] if book.exists() else []
        return [each for each in map(json.loads, lines) if _job_of(each) == job]

    def events(self, **query: str) -> list[Any]:
        """Return the app's events as the operator sees them, newest first."""
        app, asked = (
            self.migration.registration["cloudAppKey"],
            "&".join(f"{name}={value}" for name, value in query.items()),
        )
        path = f"/admin/v1/apps/{app}/queue-events?{asked}"
        items: list[Any] = self.migration.admin.ok("GET", path)["items"]
        return items

    def advance(self, minutes: float) -> None:
        """Move the platform's clock; what falls due is done when this returns."""
        self.migration.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 60 * minutes})


def _job_of(argument: Any) -> Any:
    return argument["call"]["jobId"] if "call" in argument else argument["jobId"]

"""A job survives SIGKILL of the API and of the workers: every item is done, and none twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kit.platform import Caller, PlatformProcess, wait_until
from tests.kit.receiver import Receiver
from tests.kit.remote_app import ForgeMigration

pytestmark = pytest.mark.timeout(900)

FILES = 60


def test_a_job_goes_on_after_kills(tmp_path: Path, receiver: Receiver) -> None:
    """Messages of a remote: a function that fails would have a process for each attempt."""
    with PlatformProcess(tmp_path / "data") as platform:
        # A day, so that it settles by none of the minutes below, however many they become.
        migration = ForgeMigration.register(platform, receiver, windowSeconds=86_400)
        migration.inbox.answer = lambda _: 500
        migration.begin()
        for number in range(FILES):
            migration.upload(f"pages-{number}")
        admin = migration.admin
        undelivered = "/admin/v1/messages?state=UNDELIVERED&count=true&pageSize=1"
        wait_until(lambda: _advance(admin, undelivered), 500)
        # From here on nothing fails: a message that is given up again would be counted twice.
        migration.inbox.answer = None
        selection = {"transferId": migration.transfer_id}
        body = {"operation": "redeliver", "selection": selection}
        job = admin.ok("POST", "/admin/v1/jobs", body)
        path = f"/admin/v1/jobs/{job['jobId']}"
        assert (job["state"], job["total"]) == ("PLANNED", FILES + 1)
        admin.ok("POST", f"{path}/start")

        wait_until(lambda: admin.ok("GET", path)["done"] > 0)
        for worker in platform.workers():
            worker.kill()
        platform.kill()
        platform.start()
        admin = platform.caller(platform.operator_token)
        wait_until(platform.workers)[0].kill()

        ended = wait_until(lambda: _ended(admin, path), 200)
        assert (ended["state"], ended["done"], ended["refused"]) == ("DONE", FILES + 1, 0)
        items = admin.ok("GET", f"{path}/items?pageSize=1000")["items"]
        assert {each["outcome"] for each in items} == {"DONE"}
        again: Counter[str] = Counter()
        for row in admin.ok("GET", "/admin/v1/audit?operation=redeliver_message&pageSize=1000")[
            "items"
        ]:
            again[row["target"]] += 1
            assert row["request"] == f"job {job['jobId']}"
        assert again == Counter(each["target"] for each in items), "each once"


def _advance(admin: Caller, undelivered: str) -> bool:
    admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 60})
    total: int = admin.ok("GET", undelivered)["total"]
    return total == FILES + 1


def _ended(admin: Caller, path: str) -> Any:
    found = admin.ok("GET", path)
    return found if found["state"] == "DONE" else None

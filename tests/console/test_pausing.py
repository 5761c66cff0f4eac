"""A transfer or a migration is paused, resumed and extended on its page, by those who may."""

import re
from pathlib import Path

from tests.console.people import Console
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until


def test_the_buttons_are_there_when_they_do_something(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    console = Console(platform_process)
    console.sign_in(platform_process.operator_token)
    own, plan = f"transfers/{migration.transfer_id}", f"migrations/{migration.migration_id}"

    def offered(page: str) -> set[str]:
        return set(re.findall(r'action="[^"]*/(pause|resume|extend)"', console.text(page)))

    assert (offered(own), offered(plan)) == ({"pause", "extend"}, {"pause"})
    assert console.send(f"{own}/pause").status == 303
    assert (offered(own), offered(plan)) == ({"resume"}, {"resume"})
    page = console.text(own)
    assert "⏸ paused" in page
    assert "left to the deadline" in page
    assert "⏸ paused" in console.text(plan)
    assert "ferryman transfer resume" in page, "the pause is why nothing moves"
    assert console.send(f"{plan}/resume").status == 303
    assert console.send(f"{own}/extend", hours="48").status == 303
    assert "moved by an operator" in console.text(own)
    for hours, status in (("0", 400), ("721", 400), ("many", 400)):
        assert console.send(f"{own}/extend", hours=hours).status == status
    assert console.send(f"{plan}/pause").status == 303
    assert console.send(f"{own}/resume").status == 303

    viewer = platform_process.caller(platform_process.operator_token).ok(
        "POST", "/admin/v1/tokens", {"name": f"viewer-{migration.transfer_id}", "role": "viewer"}
    )
    console.sign_in(viewer["token"])
    assert (offered(own), offered(plan)) == (set(), set())
    assert console.send(f"{own}/pause").status == 403
    migration.advance(72 * 3600)
    console.sign_in(platform_process.operator_token)
    assert (offered(own), offered(plan)) == (set(), set())


def test_a_worker_is_drained_and_resumed_by_those_who_may(
    platform_process: PlatformProcess,
) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    [worker] = wait_until(lambda: admin.ok("GET", "/admin/v1/workers")["items"])
    console = Console(platform_process)
    console.sign_in(platform_process.operator_token)
    path = f"workers/{worker['workerId']}"

    def offered() -> list[str]:
        return re.findall(r'action="[^"]*/(drain|resume)"', console.text("platform"))

    page = console.text("platform")
    assert offered() == ["drain"]
    assert "No other worker works" in page
    try:
        assert console.send(f"{path}/drain").status == 303
        wait_until(lambda: "drained" in console.text("platform"))
        assert offered() == ["resume"]
        wait_until(lambda: "1 draining" in console.text("platform"))
        viewer = {"name": f"viewer-{worker['workerId']}", "role": "operator"}
        console.sign_in(admin.ok("POST", "/admin/v1/tokens", viewer)["token"])
        assert offered() == []
        assert console.send(f"{path}/resume").status == 403
    finally:
        assert admin.ok("POST", f"/admin/v1/{path}/resume")["state"] == "working"

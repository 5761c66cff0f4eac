"""``ferryman workers drain --wait`` says by its status whether the worker may be stopped."""

from tests.kit.command import Command
from tests.kit.platform import PlatformProcess, wait_until


def test_a_script_may_stop_the_worker_if_the_status_is_0(
    ferryman: Command, platform_process: PlatformProcess
) -> None:
    admin = platform_process.caller(platform_process.operator_token)
    [worker] = wait_until(lambda: admin.ok("GET", "/admin/v1/workers")["items"])
    own = worker["workerId"]
    drain = ("workers", "drain", own[:13], "--wait")
    try:
        early = ferryman(*drain, "--timeout", "0")
        assert early.returncode == 1, early.stdout
        assert "draining" in early.stdout
        assert "drained" in ferryman.ok(*drain)
        assert own in ferryman.ok("workers", "list")
    finally:
        assert ferryman.json("workers", "resume", own)["state"] == "working"

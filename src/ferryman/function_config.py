"""Settings of functions: how they run, and their limits."""

from pydantic import Field
from pydantic_settings import BaseSettings

from ferryman.domain import limits
from ferryman.vocab import FunctionMode


class FunctionSettings(BaseSettings):
    """How functions of apps run. Durations are in seconds, sizes in bytes."""

    functions: FunctionMode = Field(
        FunctionMode.SANDBOXED,
        description="how functions run: `sandboxed`; `trusted`, without a sandbox, as the user of "
        "the platform; `none`; `auto`: sandboxed where this machine can, else trusted",
    )
    function_uid: int = Field(
        1_900_000_000,
        ge=1000,
        le=2**31 - 2000,
        description="the first of a thousand user ids for sandboxed functions, if the platform "
        "runs as root",
    )
    function_folders: str = Field(
        "",
        pattern="^([^=,]+=[^,]+(,[^=,]+=[^,]+)*)?$",
        description="folders that sandboxed functions may write to: `APP_KEY=FOLDER`, separated by "
        "commas; `*` is any app, `.` its own folder",
    )
    function_reads: str = Field(
        "",
        description="folders that all sandboxed functions may read besides their own, separated by "
        "commas",
    )
    function_scratch_bytes: int = Field(
        256 << 20, ge=1 << 20, description="disk space of a sandboxed function, in memory"
    )
    function_seconds: float = Field(
        limits.FUNCTION_SECONDS, gt=0, description="timeout of a function call"
    )
    consumer_seconds: float = Field(
        limits.CONSUMER_SECONDS,
        gt=0,
        description="timeout of a queue's consumer whose function sets no `timeoutSeconds`",
    )
    queue_events_per_minute: int = Field(
        limits.QUEUE_EVENTS_PER_MINUTE,
        gt=0,
        description="events that an app may push to its queues in a minute",
    )
    function_debug_port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="port on this machine where functions wait for a debugger; only "
        "`ferryman dev --inspect` sets it",
    )
    function_concurrency: int = Field(
        4,
        gt=0,
        description="functions that run at once, per worker; those that take longer than a second "
        "have as many places of their own",
    )
    function_hosts: int = Field(
        64,
        gt=0,
        description="processes of functions per worker, at least twice the functions that run at "
        "once; those without a call are kept for a minute, so that the next one starts at once",
    )
    function_memory_bytes: int = Field(1 << 30, gt=0, description="memory limit of a function")

"""Settings: from the command line, else from ``FERRYMAN_*`` variables, else the defaults here."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ferryman.domain import limits


class Settings(BaseSettings):
    """Everything an operator can choose. Durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(env_prefix="FERRYMAN_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        Path(".ferryman"), description="holds the embedded database, app data and operator token"
    )
    operator_token: str | None = Field(
        None,
        min_length=20,
        pattern="^[!-~]+$",
        repr=False,
        description="the operator token, the same for all replicas of the API; without it, one "
        "is made in the data folder",
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8400, ge=0, le=65535, description="port to listen on")
    public_url: str | None = Field(
        None, description="how apps reach the platform; http://HOST:PORT when not given"
    )
    database_url: str | None = Field(
        None, description="a PostgreSQL address; without it one is started under the data folder"
    )
    database_pool: int = Field(10, ge=2, description="connections of one process")
    object_store: str = Field(
        "",
        description="keep app data in S3: `s3://BUCKET/PREFIX?endpoint=URL&…`; "
        "in the data folder when empty",
    )
    clock: Literal["real", "virtual"] = Field(
        "real", description="virtual: time can be advanced by hand; never in production"
    )
    seed: str | None = Field(
        None,
        max_length=200,
        description="virtual clock only: ids and jitter are drawn from this text, and time "
        "begins at 2026-01-01 and stands still, so that two runs of one plan are alike",
    )
    window_seconds: float = Field(900, gt=0, description="time to acknowledge or upload")
    retry_base_seconds: float = Field(15, gt=0, description="wait before the first retry")
    max_file_bytes: int = Field(50_000_000_000, gt=0, description="greatest size of one file")
    part_bytes: int = Field(8 << 20, ge=5 << 20, description="size of an upload's first parts")
    find_keys: int = Field(limits.FIND_KEYS, gt=0, description="keys in one look-up of mappings")
    mapping_page: int = Field(
        limits.MAPPING_PAGE, gt=0, description="default and greatest page of mappings"
    )
    forge_settled_status: Annotated[Literal[403, 409], BeforeValidator(int)] = Field(
        409, description="what Forge calls for a settled transfer get (older pages say 403)"
    )
    max_body_bytes: int = Field(1 << 20, gt=0, description="greatest body of a JSON call")
    rate_per_second: float = Field(
        2000, gt=0, description="calls a second that one app may make, in each API process"
    )
    rate_burst: int = Field(
        10_000, gt=0, description="calls that one app may make at once, in each API process"
    )
    function_seconds: float = Field(
        limits.FUNCTION_SECONDS, gt=0, description="limit of one function call"
    )
    function_concurrency: int = Field(4, gt=0, description="functions running at once")
    function_memory_bytes: int = Field(1 << 30, gt=0, description="memory of one function")
    remote_seconds: float = Field(
        limits.REMOTE_SECONDS, gt=0, description="limit of one call to a remote or webhook"
    )
    private_addresses: Literal["auto", "allow", "refuse"] = Field(
        "auto",
        description="whether events may be posted to this machine and its networks; `auto`: "
        "only while the platform itself can be reached from this machine alone, and not by a "
        "worker that was started by itself",
    )
    delivery_concurrency: int = Field(400, gt=0, description="deliveries in flight in one worker")
    heartbeat_seconds: float = Field(
        10, gt=0, description="silence after which a worker's messages and timers are taken over"
    )

    keep_settled_days: float = Field(
        12,
        ge=0,
        le=3650,
        description="days for which files are kept after their transfer settled; never longer "
        "than the 12 days after it started",
    )
    keep_unfinished_seconds: float = Field(
        86_400,
        ge=0,
        le=315_360_000,
        description="time after which an upload that its settled transfer cannot take, or that "
        "nobody knows, is removed",
    )
    keep_attempts_days: float = Field(
        60,
        ge=30,
        le=36_500,
        description="days for which attempts and timeline are kept after their transfer settled",
    )
    keep_transfers_days: float = Field(
        365,
        ge=30,
        le=36_500,
        description="days for which messages, transfers and migrations are kept after the last "
        "transfer of the migration settled",
    )
    sweep_seconds: float = Field(
        43_200, ge=60, le=31_536_000, description="time between two sweeps of the object store"
    )

    @property
    def base_url(self) -> str:
        """How apps reach the platform, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def posts_to_private_addresses(self) -> bool:
        """Whether apps may name addresses that not everybody can reach."""
        if self.private_addresses != "auto":
            return self.private_addresses == "allow"
        return self.public_url is None and self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def window(self) -> timedelta:
        """The acknowledgement window as a duration."""
        return timedelta(seconds=self.window_seconds)

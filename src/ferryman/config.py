"""Settings: from the command line, then from ``FERRYMAN_*`` variables, then the defaults here."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ferryman.domain import limits
from ferryman.function_config import FunctionSettings
from ferryman.log_config import LogSettings
from ferryman.mail_config import MailSettings
from ferryman.plain_settings import DerivedSettings
from ferryman.sign_in_config import SignInSettings, checked_url


class _PlatformSettings(DerivedSettings, BaseSettings):
    """All but functions, mail, and who signs in to the console."""

    model_config = SettingsConfigDict(env_prefix="FERRYMAN_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        Path(".ferryman"),
        description="folder of the embedded database, app data and operator token",
    )
    operator_token: str | None = Field(
        None,
        min_length=20,
        pattern="^[!-~]+$",
        repr=False,
        description="the operator token, the same for all API replicas; without it one is "
        "generated in the data folder",
    )
    secret_key: str | None = Field(
        None,
        min_length=1,
        repr=False,
        description="key that encrypts signing keys and shared secrets in the database: 32 bytes "
        "in base64, the same for all processes",
    )
    secret_key_file: Path | None = Field(
        None,
        description="file with such keys, one in each line; the first encrypts, all decrypt",
    )
    object_key: str | None = Field(
        None,
        min_length=1,
        repr=False,
        description="key that encrypts files in the data folder: 32 bytes in base64, the same for "
        "all processes",
    )
    object_key_file: Path | None = Field(
        None,
        description="file with such keys, one in each line; the first encrypts, all decrypt",
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8400, ge=0, le=65535, description="port to listen on")
    probe_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port on which `ferryman worker` answers /healthz and /readyz; without it it "
        "has none",
    )
    tls_cert: Path | None = Field(
        None,
        description="certificate to serve https with, in PEM, followed by those of the authorities "
        "between; a new one is served as soon as it is there",
    )
    tls_key: Path | None = Field(None, description="private key of that certificate, in PEM")
    api_processes: int | None = Field(
        None, ge=1, description="API processes of `serve`; by default one per core, at most 4"
    )
    public_url: Annotated[str | None, AfterValidator(checked_url)] = Field(
        None,
        description="URL at which apps reach the platform; by default http://HOST:PORT, "
        "or https with a certificate",
    )
    database_url: str | None = Field(
        None, description="PostgreSQL URL; without it a server is started in the data folder"
    )
    database_pool: int = Field(10, ge=2, description="database connections per process")
    mariadb_url: str | None = Field(
        None,
        repr=False,
        description="MariaDB for the SQL of apps; without it one is started in the data folder",
    )
    object_store: str = Field(
        "",
        description="store app data in S3: `s3://BUCKET/PREFIX?endpoint=URL&…`; "
        "in the data folder if empty",
    )
    clock: Literal["real", "virtual"] = Field(
        "real", description="`virtual`: time can be moved by hand; never in production"
    )
    seed: str | None = Field(
        None,
        max_length=200,
        description="virtual clock only: derive ids and jitter from this text and freeze time "
        "at 2026-01-01, so that two runs of one plan are identical",
    )
    window_seconds: float = Field(900, gt=0, description="time to acknowledge or upload")
    retry_base_seconds: float = Field(15, gt=0, description="wait before the first retry")
    max_file_bytes: int = Field(50_000_000_000, gt=0, description="largest size of a file")
    part_bytes: int = Field(8 << 20, ge=5 << 20, description="size of the first parts of an upload")
    disk_reserve_bytes: int = Field(
        1 << 30,
        ge=0,
        description="free space of the data folder's disk that app data may not take, at most a "
        "twentieth of the disk; the database and logs need it",
    )
    reuse_files: bool = Field(
        True,
        description="take over files that an earlier transfer of the same app, source and site "
        "sent, instead of having them sent again",
    )
    open_uploads: int = Field(10_000, gt=0, description="incomplete files of one app")
    app_bytes: int | None = Field(
        None,
        gt=0,
        description="bytes that one app may hold: files, open uploads and stored values; "
        "by default half of the data folder's disk, and no limit with S3",
    )
    sql_bytes: int = Field(
        128 << 20, gt=0, description="bytes of an app's SQL in development, on one site"
    )
    log_bytes_per_second: int = Field(
        1 << 20,
        gt=0,
        description="bytes of its log that an app may write per second; sixty times as many "
        "at once",
    )
    find_keys: int = Field(limits.FIND_KEYS, gt=0, description="most keys in one mapping look-up")
    mapping_page: int = Field(
        limits.MAPPING_PAGE, gt=0, description="default and largest page of mappings"
    )
    forge_settled_status: Annotated[Literal[403, 409], BeforeValidator(int)] = Field(
        409, description="status of Forge calls on a settled transfer (older pages say 403)"
    )
    max_body_bytes: int = Field(1 << 20, gt=0, description="largest body of a JSON call")
    connections: int = Field(
        10_000, ge=1_000, description="connections that are open at once, per API process"
    )
    stall_seconds: float = Field(
        60, gt=0, description="silence after which a client that sends or takes a body is given up"
    )
    rate_per_second: float = Field(2000, gt=0, description="calls per second that an app may make")
    rate_burst: int = Field(10_000, gt=0, description="calls that an app may make in a burst")
    log_output: bool = Field(
        False,
        description="log the output of functions, line by line as they print it, at most 64 KiB "
        "per call; apps may print private data",
    )
    remote_seconds: float = Field(
        limits.REMOTE_SECONDS, gt=0, description="timeout of a call to a remote or webhook"
    )
    private_addresses: Literal["auto", "allow", "refuse"] = Field(
        "auto",
        description="whether events may be posted to this machine and its networks; `auto`: "
        "only if the platform itself listens on this machine only, and not from a worker that "
        "was started separately",
    )
    remote_proxy: Literal["none", "environment"] = Field(
        "none",
        description="proxies for events to remotes and webhooks: none, or those of HTTPS_PROXY …",
    )
    no_delivery: bool = Field(
        False,
        description="for drills with a restored copy: call no app and run no worker; deadlines "
        "stand still",
    )
    delivery_concurrency: int = Field(400, gt=0, description="deliveries in flight per worker")
    heartbeat_seconds: float = Field(
        10,
        gt=0,
        description="silence after which others take over a worker's messages and timers",
    )

    keep_settled_days: float = Field(
        12,
        ge=0,
        le=3650,
        description="days to keep files after their transfer settled, but at most 12 days after "
        "it started",
    )
    keep_unfinished_seconds: float = Field(
        86_400,
        ge=0,
        le=315_360_000,
        description="time until an upload is removed whose transfer has settled, or that is "
        "unknown to the database",
    )
    keep_attempts_days: float = Field(
        60,
        ge=14,
        le=36_500,
        description="days to keep attempts and timelines after their transfer settled",
    )
    keep_transfers_days: float = Field(
        365,
        ge=14,
        le=36_500,
        description="days to keep messages, transfers and migrations after the last transfer of "
        "the migration settled",
    )
    sweep_seconds: float = Field(
        43_200, ge=60, le=31_536_000, description="time between sweeps of the object store"
    )


class Settings(SignInSettings, MailSettings, LogSettings, FunctionSettings, _PlatformSettings):
    """Everything an operator can set. Durations are in seconds, sizes in bytes."""

"""Which server sends the notices that go by mail, and as whom; read by the API alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class MailSettings(BaseSettings):
    """The mail server of notices."""

    smtp_url: str | None = Field(
        None,
        repr=False,
        pattern=r"^smtps?://[^\s/]+$",
        description="server that sends notices by mail: `smtp://USER:PASSWORD@HOST:PORT`, or "
        "`smtps://…` for TLS from the first byte; a password is sent over TLS only",
    )
    smtp_from: str = Field(
        "ferryman@localhost",
        pattern=r"^[^\s<>@]+@[^\s<>@]+$",
        description="sender of that mail",
    )

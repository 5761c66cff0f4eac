"""How much is logged."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class LogSettings(BaseSettings):
    """The level of logs, and the share of what went well."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level of the lines that are logged"
    )
    log_sample: float = Field(
        1,
        ge=0,
        le=1,
        description="share of requests and deliveries that are logged if they went well and took "
        "less than a second; all others are logged",
    )

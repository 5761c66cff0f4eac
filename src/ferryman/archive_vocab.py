"""What lists do with archived migrations."""

from enum import StrEnum


class Archived(StrEnum):
    """Whether a list leaves archived migrations out, has no others, or has all."""

    NO = "false"
    ONLY = "true"
    ANY = "any"

"""The form that all messages on the wire share."""

import msgspec


class Wire(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=False):
    """A JSON object: camelCase outside, snake_case inside, unknown members ignored."""

"""The base of all messages on the wire."""

import msgspec


class Wire(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=False):
    """A JSON object: camelCase on the wire, snake_case in Python; unknown members are ignored."""

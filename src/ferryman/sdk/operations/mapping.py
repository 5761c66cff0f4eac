"""Look mappings up, as gateways and cloud apps do.

A module of its own, because a function in the cloud needs no other call of the server surface.
"""

from collections.abc import Iterable

from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operation import json_operation

# The platform takes this many keys in one look-up (vendor-practice).
KEYS_PER_CALL = 100


def find_mappings(
    exchange: Exchange, path: str, namespace: str, keys: Iterable[str]
) -> Flow[dict[str, str]]:
    """Look keys up at ``path``, as many at a time as the platform takes.

    A key without a mapping is absent from the result; a repeated key is asked for once.
    """
    mappings: dict[str, str] = {}
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), KEYS_PER_CALL):
        batch = unique[start : start + KEYS_PER_CALL]
        mappings |= yield from exchange.call(
            json_operation("POST", path, dict[str, str], query={"namespace": namespace}, body=batch)
        )
    return mappings

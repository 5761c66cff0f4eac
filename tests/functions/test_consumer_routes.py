"""Where the events of a queue go, and how long their consumer may take."""

from typing import Any

import pytest

from ferryman.domain.limits import CONSUMER_SECONDS, FUNCTION_SECONDS, REMOTE_SECONDS
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import ConsumerRoute, consumer_route
from tests.kit.manifests import UPLOADED

SHARED = {"trigger": [{"key": "t", "function": "import", "events": [UPLOADED]}]}
OTHER = {"trigger": [{"key": "t", "function": "other", "events": [UPLOADED]}]}


def route(consumer: dict[str, Any], seconds: int | None, modules: dict[str, Any]) -> ConsumerRoute:
    """Return the route of the queue `q`, of an app whose function has these seconds."""
    limit = {} if seconds is None else {"timeoutSeconds": seconds}
    own = {
        "function": [
            {"key": "import", "handler": "index.run", **limit},
            {"key": "other", "handler": "index.other"},
        ],
        "consumer": [{"key": "c", "queue": "q", **consumer}],
    }
    found = consumer_route(
        parse_manifest(
            {"remotes": [{"key": "r", "baseUrl": "https://r.example"}]} | {"modules": own | modules}
        ),
        "q",
        usual=CONSUMER_SECONDS,
        of_triggers=FUNCTION_SECONDS,
        of_endpoints=REMOTE_SECONDS,
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    "consumer", [{"function": "import"}, {"resolver": {"function": "import", "method": "m"}}]
)
@pytest.mark.parametrize(
    ("seconds", "modules", "limit"),
    [
        (None, OTHER, 55),
        (900, OTHER, 900),
        (1, OTHER, 1),
        # one that a trigger calls as well has the shorter limit
        (None, SHARED, 25),
        (900, SHARED, 25),
        (1, SHARED, 1),
    ],
)
def test_a_function_has_its_own_seconds(
    consumer: dict[str, Any], seconds: int | None, modules: dict[str, Any], limit: float
) -> None:
    assert route(consumer, seconds, modules).seconds == limit


def test_an_endpoint_has_those_of_a_remote() -> None:
    endpoint = {"endpoint": [{"key": "e", "remote": "r", "route": {"path": "/e"}}]}
    assert route({"endpoint": "e"}, 900, OTHER | endpoint).seconds == 5

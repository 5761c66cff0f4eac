"""What the real packages from npm, unchanged, throw when the platform's limits are reached."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from ferryman.domain.limits import QUEUE_CHAIN
from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import SECONDS
from tests.functions.packages import link_packages
from tests.kit.platform import PlatformProcess
from tests.kit.queues import QueueApp

CALLS = 30

APP = f"""\
import kvs, {{ ForgeKvsAPIError }} from '@forge/kvs';
import {{ Queue }} from '@forge/events';

const queue = new Queue({{ key: 'usual' }});
const body = {{ body: {{}}, delayInSeconds: 900 }};

async function thrownBy(call) {{
  for (let n = 0; n < {10 * CALLS}; n += 1) {{
    try {{
      await call();
    }} catch (error) {{
      return error;
    }}
  }}
  return 'nothing was thrown';
}}

export const chain = async () => {{
  const error = await thrownBy(() => queue.push(body));
  console.log(JSON.stringify(error.constructor.name));
}};

export const run = async () => {{
  const pushed = await thrownBy(() => queue.push(body));
  const called = await thrownBy(() => kvs.get('a'));
  console.log(JSON.stringify({{
    pushed: pushed.constructor.name,
    called: [called instanceof ForgeKvsAPIError, called.code, called.responseDetails?.status],
  }}));
}};
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, javascript: None) -> Iterator[QueueApp]:
    """An app of a platform that lets it make few calls and push one event a minute."""
    folder = tmp_path_factory.mktemp("limits")
    source = folder / "javascript"
    source.mkdir()
    link_packages(source, ["@forge/events@3.0.8", "@forge/kvs@1.6.5"])
    (source / "index.js").write_text(APP)
    platform = PlatformProcess(folder / "data")
    platform.env = {
        "FERRYMAN_RATE_BURST": str(CALLS),
        "FERRYMAN_RATE_PER_SECOND": "0.1",
        "FERRYMAN_QUEUE_EVENTS_PER_MINUTE": "1",
    }
    with platform:
        yield QueueApp.begin(platform, folder / "python")


def printed(app: QueueApp, handler: str, **identity: str) -> str:
    """Return what a function of the JavaScript app prints, called with the app's token."""
    platform = app.migration.platform

    async def call() -> str:
        async with FunctionPool(concurrency=1) as pool:
            outcome = await pool.invoke(
                FunctionCall(
                    source=app.folder.parent / "javascript",
                    handler=f"index.{handler}",
                    event={},
                    context={},
                    environment={"FERRYMAN_URL": platform.url, "FERRYMAN_TOKEN": app.token},
                    identity=identity,
                    timeout=SECONDS,
                )
            )
            assert outcome.ok, outcome.error
            return outcome.output

    return asyncio.run(call())


def test_limits_are_told_by_the_errors_of_the_packages(app: QueueApp) -> None:
    """A chain first, as it is refused while the app may still push and call."""
    chained = printed(app, "chain", queueChain=str(QUEUE_CHAIN))
    assert json.loads(chained) == "InvocationLimitReachedError"
    assert json.loads(printed(app, "run")) == {
        "pushed": "RateLimitError",
        "called": [True, "RATE_LIMIT_EXCEEDED", 429],
    }

"""Time from a push to the call of its consumer: one after the other, in a warm host of a sandbox.

An app's consumer pushes the next event as the package from npm does, with the time at which it does
so; the consumer of that event adds what has passed since. So each time holds the push over HTTP,
the transaction, the notification, the claim and the call. On a busy machine it says little.
EVENTS=100 makes it shorter.
"""

import json
import os
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench._platform import Platform, serving
from bench.report import Figure

EVENTS = int(os.environ.get("EVENTS", "400"))
GOAL_MS = 20.0
COLD = 20
"""Events before those that count, while the host starts and gets warm."""

_PATIENCE = 300.0
_SITE = "https://bench.example"
_APP = """\
const now = () => performance.timeOrigin + performance.now();
const called = (target, path, body) => __forge_fetch__(target, path, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
});
const QUEUE = { type: 'fpp', provider: 'app', remote: 'stargate' };
const PLACE = '{contextAri}/{environmentId}/{appId}/{appVersion}';
const push = (times, left) => called(QUEUE, `/webhook/queue/publish/${PLACE}`, {
  queueName: 'work', jobId: String(left), schema: 'forge/app-event-2', time: '',
  payload: [{ body: { at: now(), times, left } }],
});
export const begin = async () => push([], EVENTS);
export const consume = async ({ body: { at, times, left } }) => {
  times.push(now() - at);
  if (left > 0) return void await push(times, left - 1);
  await called({ type: 'kvs' }, '/api/v1/set', { key: 'times', value: times });
};
"""
_MANIFEST = {
    "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
    "modules": {
        "function": [
            {"key": "begin", "handler": "index.begin"},
            {"key": "consume", "handler": "index.consume", "timeoutSeconds": 900},
        ],
        "consumer": [{"key": "consumer", "queue": "work", "function": "consume"}],
        "trigger": [
            {
                "key": "trigger",
                "function": "begin",
                "events": ["avi:ecosystem.migration:triggered:listener"],
            }
        ],
    },
}


def run() -> list[Figure]:
    """Milliseconds from a push to its consumer."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions of a sandbox have a user of their own
        source = folder / "app" / "src"
        source.mkdir(parents=True)
        (source / "index.js").write_text(_APP.replace("EVENTS", str(EVENTS + COLD)))
        with serving(folder / "data", queue_events_per_minute=1_000_000) as platform:
            times = _times(platform, folder / "app")[COLD:]
    return [
        _figure("push to consumer, p50", median(times), 1.0),
        _figure("push to consumer, p99", quantiles(times, n=100)[98], None),
    ]


def _figure(figure: str, ours: float, target: float | None) -> Figure:
    return Figure(
        figure=figure, unit="ms", ours=ours, peer=GOAL_MS, peer_name="the goal", target=target
    )


def _times(platform: Platform, folder: Path) -> list[float]:
    """Start a migration of the app, whose first event begins; return what the last one stored."""
    app = {"kind": "forge", "serverAppKey": "bench.server", "cloudAppKey": "bench.cloud"}
    registered = platform.call(
        "POST", "/admin/v1/apps", {**app, "manifest": _MANIFEST, "source": str(folder)}
    )
    plan = {"name": "b", "cloudUrl": _SITE, "sourceId": "b", "apps": ["bench.cloud"]}
    migration = platform.call("POST", "/admin/v1/migrations", {**plan, "containers": []})
    platform.call("POST", f"/admin/v1/migrations/{migration['migrationId']}/start")
    _claim(platform, registered["serverToken"])
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        kept = platform.call("GET", "/admin/v1/apps/bench.cloud/state")["items"]
        if kept:
            times: list[float] = kept[0]["value"]
            return times
        time.sleep(0.5)
    raise SystemExit(f"the last event did not come within {_PATIENCE:g} s")


def _claim(platform: Platform, token: str) -> Any:
    body = {"serverAppKeys": ["bench.server"], "agentId": "bench", "waitSeconds": 0}
    request = urllib.request.Request(  # noqa: S310 - loopback only
        f"{platform.url}/server/v1/listeners/claim",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback only
        return json.load(answer)

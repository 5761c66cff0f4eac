"""Forge's key-value store from a warm JavaScript handler, and an import of JSON lines through it.

The handler makes the calls of `@forge/kvs` itself and times each, in a function of a real platform:
in the sandbox where there is one. The import reads SIZE (default 200M) of JSON lines of 200 bytes
and sets them in batches of 25, four at a time. The peers are the goals. CALLS=200 and SIZE=4M make
it shorter.
"""

import gzip
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench._platform import Platform, begin_transfer, serving
from bench.report import Figure, MissingError
from bench.uploads import parse_size
from ferryman import Gateway
from ferryman.functions import toolchain

CALLS = int(os.environ.get("CALLS", "2000"))
GOAL_MS = 3.0
GOAL_RECORDS = 5_000.0
LINE = 200
_PATIENCE = 1_800.0
_EVENT = "avi:ecosystem.migration:uploaded:app_data"
_HANDLER = """\
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { migration } from '@forge/migrations';

const TARGET = { type: 'kvs', provider: 'app', remote: 'kvs' };
const call = async (path, body) => {
  const answer = await globalThis.__forge_fetch__(TARGET, `/api/v1/${path}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text ? JSON.parse(text) : undefined;
};

async function timed(calls, make) {
  const taken = [];
  for (let n = 0; n < calls; n += 1) {
    const began = performance.now();
    await make(n);
    taken.push(performance.now() - began);
  }
  return taken.sort((one, other) => one - other)[Math.floor(calls / 2)];
}

async function calls({ count }) {
  const set = (n) => call('set', { key: `k:${n % 100}`, value: { n, text: 'x'.repeat(100) } });
  const get = (n) => call('get', { key: `k:${n % 100}` });
  await timed(100, set);
  await timed(100, get);
  return { set: await timed(count, set), get: await timed(count, get) };
}

async function lines({ stream }) {
  const began = performance.now();
  const open = new Set();
  let batch = [];
  let records = 0;
  const send = async () => {
    const sent = call('batch/set', batch).then(({ failedKeys }) => {
      open.delete(sent);
      if (failedKeys.length > 0) throw new Error(JSON.stringify(failedKeys));
    });
    open.add(sent);
    batch = [];
    if (open.size >= 4) await Promise.race(open);
  };
  for await (const line of createInterface({ input: stream })) {
    const { id, ...value } = JSON.parse(line);
    batch.push({ key: `record:${id}`, value });
    records += 1;
    if (batch.length === 25) await send();
  }
  if (batch.length > 0) await send();
  await Promise.all(open);
  return { records, seconds: (performance.now() - began) / 1000 };
}

export async function run({ key, label, transferId, messageId }) {
  const payload = await migration.getAppDataPayload(key);
  const stream = Readable.fromWeb(payload.body).pipe(createGunzip());
  const said = label === 'calls'
    ? await calls(JSON.parse(await new Response(Readable.toWeb(stream)).text()))
    : await lines({ stream });
  console.log(JSON.stringify(said));
  await migration.messageProcessed(transferId, messageId);
}
"""


def run() -> list[Figure]:
    """Milliseconds of a get and of a set, and records a second."""
    if toolchain.node() is None:
        raise MissingError("there is no Node.js here")
    size = parse_size(os.environ.get("SIZE", "200M"))
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # functions of a sandbox have a user of their own
        options: dict[str, Any] = {"function_seconds": _PATIENCE, "rate_per_second": 100_000}
        with serving(folder / "data", **options) as platform:
            token, transfer_id = _begin(platform, folder / "app")
            with Gateway(platform.url, token, transfer_id) as gateway:
                calls = _said(platform, gateway, "calls", [{"count": CALLS}])
                lines = _said(platform, gateway, "lines", _records(size // LINE))
    assert lines["records"] == size // LINE
    return [
        *(
            Figure(
                figure=f"kvs {call} from a warm JavaScript handler, p50",
                unit="ms",
                ours=calls[call],
                peer=GOAL_MS,
                peer_name="the goal",
                target=1.0,
            )
            for call in ("get", "set")
        ),
        Figure(
            figure="import of JSON lines through kvs batches",
            unit="records/s",
            ours=lines["records"] / lines["seconds"],
            peer=GOAL_RECORDS,
            peer_name="the goal",
            less_is_better=False,
            target=1.0,
        ),
    ]


def _records(count: int) -> Any:
    """Yield records whose lines have LINE bytes."""
    for number in range(count):
        record = {"id": number, "page": f"page {number % 997}", "votes": number % 100}
        short = LINE - 1 - len(json.dumps({**record, "text": ""}))
        yield {**record, "text": "x" * short}


def _said(platform: Platform, gateway: Gateway, label: str, records: Any) -> dict[str, Any]:
    """Send a file to the handler and return what it printed."""
    with gateway.create_app_data(label) as file, gzip.GzipFile(fileobj=file, mode="wb") as packed:
        for record in records:
            packed.write(json.dumps(record).encode() + b"\n")
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for message in platform.call("GET", "/admin/v1/messages")["items"]:
            if message.get("label") != label:
                continue
            told = platform.call("GET", f"/admin/v1/messages/{message['messageId']}")
            for attempt in told["attempts"]:
                if attempt["outcome"] not in ("RUNNING", "DELIVERED"):
                    raise SystemExit(f"the handler failed: {attempt}")
                if attempt["output"]:
                    return dict(json.loads(attempt["output"]))
        time.sleep(0.2)
    raise SystemExit(f"the handler said nothing about {label}")


def _begin(platform: Platform, source: Path) -> tuple[str, str]:
    """Register the app and start a transfer of it: its server token and id."""
    source.mkdir(mode=0o755)
    (source / "src").mkdir(mode=0o755)
    (source / "src" / "index.js").write_text(_HANDLER)
    manifest = {
        "app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"},
        "modules": {
            "function": [{"key": "run", "handler": "index.run"}],
            "trigger": [{"key": "trigger", "function": "run", "events": [_EVENT]}],
        },
    }
    return begin_transfer(platform, source=str(source), manifest=manifest)


if __name__ == "__main__":
    run()

"""A Forge app that imports by its queue, unchanged and in a sandbox, with the packages of npm."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functions.packages import installed
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

pytestmark = pytest.mark.usefixtures("javascript")

MANIFEST = """\
app:
  id: ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10
  runtime:
    name: nodejs22.x
modules:
  trigger:
    - key: on-migration
      function: on-event
      events: [avi:ecosystem.migration:uploaded:app_data]
  consumer:
    - key: import-consumer
      queue: import-queue
      function: import-file
    - key: busy-consumer
      queue: busy-queue
      resolver:
        function: resolver
        method: import
  function:
    - key: on-event
      handler: index.onEvent
    - key: import-file
      handler: index.importFile
      timeoutSeconds: 900
    - key: resolver
      handler: index.resolver
      timeoutSeconds: 900
"""

APP = """\
import { appEvents, InvocationError, InvocationErrorCode, Queue } from '@forge/events';
import { migration } from '@forge/migrations';
import Resolver from '@forge/resolver';

const busy = new Queue({ key: 'busy-queue' });
const queue = new Queue({ key: 'import-queue' });

export const onEvent = async ({ transferId, messageId, key, label }) => {
  if (label === 'mistakes') {
    console.log(JSON.stringify(await mistakes(transferId, messageId)));
    return;
  }
  const { jobId } = await (label === 'busy' ? busy : queue).push({
    body: { transferId, messageId, key, label },
    concurrency: { key: transferId, limit: 1 },
  });
  console.log(jobId);
};

// Acknowledged only here: the import of a large file takes longer than a trigger may.
export const importFile = ({ body, jobId }) => load(body, jobId);

export const resolver = new Resolver()
  .define('import', async ({ payload, context }) => {
    if (!payload.retryContext) {
      return new InvocationError({
        retryAfter: 900,
        retryReason: InvocationErrorCode.FUNCTION_UPSTREAM_RATE_LIMITED,
        retryData: { line: 7 },
      });
    }
    if (payload.retryContext.retryData.line !== 7) throw new Error('began again');
    return load(payload, context.jobId);
  })
  .getDefinitions();

async function load(body, jobId) {
  const payload = await migration.getAppDataPayload(body.key);
  const lines = (await payload.text()).split('\\n').filter(Boolean);
  await migration.addLog(body.transferId, `${lines.length} lines by ${typeof jobId}`);
  await migration.messageProcessed(body.transferId, body.messageId);
}

async function mistakes(transferId, messageId) {
  const said = {};
  const told = async (name, call) => {
    said[name] = await call.catch((e) => `${e.constructor.name} ${e.message}`.slice(0, 47));
  };
  await told('unknown queue', new Queue({ key: 'nothing' }).push({ body: {} }));
  await told('unknown job', queue.getJob('none').getStats());
  await told('unknown job to cancel', queue.cancel('none'));
  await told('large', queue.push({ body: { text: 'x'.repeat(150_000) } }));
  const job = await queue.push({ body: {}, delayInSeconds: 900 });
  await told('waits', queue.getStats(job.jobId));
  await told('cancelled', queue.getJob(job.jobId).cancel().then(String));
  await told('after', queue.getStats(job.jobId));
  const { errorMessage, ...rest } = await appEvents.publish({ key: 'imported' });
  said['app event'] = { ...rest, said: errorMessage.slice(0, 38) };
  await migration.messageProcessed(transferId, messageId);
  return said;
}
"""


SAID = {
    "unknown queue": "InternalServerError 400 Bad Request: Expected a",
    "unknown job": "JobDoesNotExistError The job none was not found",
    "unknown job to cancel": "JobDoesNotExistError The job none was not found",
    "large": "PayloadTooBigError Expected an event of at most",
    "waits": {"success": 0, "inProgress": 1, "failed": 0},
    "cancelled": "undefined",
    "after": {"success": 0, "inProgress": 0, "failed": 0},
    "app event": {
        "type": "error",
        "errorType": "OTHER",
        "said": "0: Ferryman delivers no app events: ho",
    },
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    platform = PlatformProcess(tmp_path_factory.mktemp("queues") / "data")
    platform.env = {"FERRYMAN_FUNCTIONS": "sandboxed"}
    with platform:
        found = platform.hosting()
        if not found.startswith("sandboxed"):
            pytest.skip(found)
        yield platform


def test_an_export_is_imported_by_a_consumer(platform: PlatformProcess, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    packages = installed("@forge/events@3.0.8") / "node_modules"
    shutil.copytree(packages, folder / "node_modules", symlinks=True)
    resolver = installed("@forge/resolver@2.0.1") / "node_modules" / "@forge" / "resolver"
    shutil.copytree(resolver, folder / "node_modules" / "@forge" / "resolver")
    (folder / "src").mkdir()
    migration = FunctionMigration.begin(
        platform,
        folder,
        code=APP,
        file="src/index.js",
        manifest=yaml.safe_load(MANIFEST),
        windowSeconds=86_400,
    )
    for label in ("notes", "busy", "mistakes"):
        with migration.gateway() as gateway, gateway.create_app_data(label) as file:
            file.write(b'{"n": 1}\n' * 1000)
    migration.complete_export()

    def events() -> dict[str, Any]:
        app = migration.registration["cloudAppKey"]
        found = migration.admin.ok("GET", f"/admin/v1/apps/{app}/queue-events")["items"]
        return {f"{each['state']} {each['cause']}": each for each in found}

    reached = {"DONE None", "CANCELLED None", "PENDING retry_requested"}
    wait_until(lambda: reached <= {*events()}, seconds=240)
    assert migration.view()["status"] == "IN_PROGRESS", "a file is not acknowledged yet"
    migration.advance(minutes=16)
    wait_until(lambda: migration.view()["status"] == "SUCCESS", seconds=240)
    assert not {each["state"] for each in events().values()} - {"DONE", "CANCELLED"}
    lines = migration.printed(migration.message_of("mistakes")).splitlines()
    [said, warned] = sorted(lines, reverse=True)
    assert json.loads(said) == SAID
    assert warned.startswith("Ferryman delivers no app events: how a trigger names them is not")

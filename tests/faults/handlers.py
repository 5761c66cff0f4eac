"""Handlers: a sound one, and ten with a mistake each. Each is what it says in its first line."""

SOUND = '''\
"""A handler that comes through any fault: it writes by id, then acknowledges, and may repeat."""

import json
import os
import pathlib
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
STORE = HERE / "store"
UPLOADED = "avi:ecosystem.migration:uploaded:app_data"


class Refused(Exception):
    def __init__(self, status):
        super().__init__(f"answered {status}")
        self.status = status


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        os.environ["FERRYMAN_URL"] + "/app/migration/forge/v1" + path,
        data=data,
        method=method,
        headers={
            "Authorization": "Bearer " + os.environ["FERRYMAN_TOKEN"],
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(error.code) from None


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(error.code) from None


def acknowledge(event, status="SUCCESS"):
    body = {"status": status, "messageIds": [event["messageId"]]}
    call("POST", f"/message/{event['transferId']}/status", body)


def records(event):
    url = json.loads(call("GET", f"/data/{event['key']}"))["url"]
    return [json.loads(line) for line in fetch(url).splitlines()]


def people(event, names):
    body = sorted({f"jira.userkey/{name}" for name in names})
    found = call("POST", f"/mapping/{event['transferId']}/find?namespace=identity:user", body)
    return json.loads(found)


def store(name, value):
    STORE.mkdir(exist_ok=True)
    part = STORE / f".{name}.{os.getpid()}"
    part.write_text(json.dumps(value))
    part.replace(STORE / name)


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    try:
        found = records(event)
        ids = people(event, [record["author"] for record in found])
        for record in found:
            author = ids.get(f"jira.userkey/{record['author']}")
            store(f"note-{record['id']}", {"text": record["text"], "author": author})
        acknowledge(event)
    except Refused as refused:
        if refused.status == 409:
            return  # the transfer is over: nothing is left to do
        raise


def state(event, context):
    for file in sorted(STORE.glob("note-*")):
        print(file.name, file.read_text())
'''

NOT_IDEMPOTENT = '''\
"""Adds each record to the end of a file: a second delivery doubles them."""

from sound import STORE, UPLOADED, acknowledge, records


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    STORE.mkdir(exist_ok=True)
    with (STORE / "notes").open("a") as notes:
        for record in records(event):
            notes.write(record["id"] + "\\n")
    acknowledge(event)
'''

COUNTS_IN_FORGES_STORE = '''\
"""Counts events in Forge's store: a second delivery counts twice."""

import json
import os
import urllib.error
import urllib.request

from sound import acknowledge


def kvs(call, body):
    request = urllib.request.Request(
        os.environ["FERRYMAN_URL"] + "/app/forge/kvs/api/v1/" + call,
        data=json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["FERRYMAN_TOKEN"]},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def run(event, context):
    try:
        count = kvs("get", {"key": "count"})["value"]
    except urllib.error.HTTPError:
        count = 0
    kvs("set", {"key": "count", "value": count + 1})
    tally = {"entityName": "tally", "key": "count", "value": {"events": count + 1}}
    kvs("entity/set", tally)
    acknowledge(event)
'''

NEEDS_ORDER = '''\
"""Leaves out a comment whose note is not there yet."""

from sound import STORE, UPLOADED, acknowledge, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    for record in records(event):
        if "note" in record and not (STORE / record["note"]).exists():
            continue
        store(record["id"], record["text"])
    acknowledge(event)
'''

NOT_CONCURRENT = '''\
"""Reads one index, asks the platform, and writes the index: what came between is lost."""

import json

from sound import STORE, UPLOADED, acknowledge, people, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    found = records(event)
    index = json.loads((STORE / "index").read_text()) if (STORE / "index").exists() else {}
    ids = people(event, [record["author"] for record in found])
    index |= {record["id"]: ids for record in found}
    store("index", index)
    acknowledge(event)
'''

ACKNOWLEDGES_FIRST = '''\
"""Says that it is done before it is."""

from sound import UPLOADED, acknowledge, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    found = records(event)
    acknowledge(event)
    for record in found:
        store(record["id"], record["text"])
'''

SWALLOWS = '''\
"""Logs what went wrong, and returns as if nothing had."""

from sound import UPLOADED, acknowledge, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    try:
        for record in records(event):
            store(record["id"], record["text"])
        acknowledge(event)
    except Exception as error:
        print("could not import:", error)
'''

NO_RETRY = '''\
"""Gives a file up for good when the platform is busy for a moment."""

from sound import UPLOADED, Refused, acknowledge, people, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    found = records(event)
    try:
        ids = people(event, [record["author"] for record in found])
    except Refused:
        acknowledge(event, "FAILED")
        return
    for record in found:
        store(record["id"], ids)
    acknowledge(event)
'''

FATAL_AFTER_THE_END = '''\
"""Takes the refusal of a settled transfer for a broken import, and rolls back."""

import shutil

from sound import STORE, UPLOADED, Refused, acknowledge, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    try:
        for record in records(event):
            store(record["id"], record["text"])
        acknowledge(event)
    except Refused as refused:
        if refused.status in (404, 409):
            shutil.rmtree(STORE)
        raise
'''

KEEPS_THE_URL = '''\
"""Asks for a file's URL once, and uses it for as long as it takes."""

import json

from sound import STORE, UPLOADED, acknowledge, call, fetch, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    known = STORE / f".url-{event['key']}"
    if not known.exists():
        url = json.loads(call("GET", f"/data/{event['key']}"))["url"]
        STORE.mkdir(exist_ok=True)
        known.write_text(url)
    for line in fetch(known.read_text()).splitlines():
        record = json.loads(line)
        store(record["id"], record["text"])
    acknowledge(event)
'''

HALF_A_BODY = '''\
"""Reads until nothing more comes, and takes that for the end of the file."""

import contextlib
import json
import urllib.request

from sound import UPLOADED, acknowledge, call, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    url = json.loads(call("GET", f"/data/{event['key']}"))["url"]
    data = b""
    with urllib.request.urlopen(url) as answer:
        while piece := answer.read(64):
            data += piece
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            store(record["id"], record["text"])
    acknowledge(event)
'''

IN_MEMORY = '''\
"""Collects in a variable, and stores when the export is complete: another process has nothing."""

from sound import UPLOADED, acknowledge, records, store

collected = []


def run(event, context):
    if event["eventType"] == UPLOADED:
        collected.extend(records(event))
        acknowledge(event)
    elif event["eventType"].endswith("completed:export_phase"):
        for record in collected:
            store(record["id"], record["text"])
'''

ASKS_TWICE = '''\
"""Asks once more when the platform is busy, and then goes on without the answer."""

from sound import UPLOADED, Refused, acknowledge, people, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    try:
        found = records(event)
        ids = ask(event, [record["author"] for record in found])
        for record in found:
            store(record["id"], ids)
        acknowledge(event)
    except Refused as refused:
        if refused.status != 409:
            raise


def ask(event, names):
    for _ in range(2):
        try:
            return people(event, names)
        except Refused as refused:
            if refused.status < 429:
                raise
    return {}
'''

PASSES_ON = '''\
"""Lets the refusal of a settled transfer pass on, and gives a file up where it should wait."""

from sound import UPLOADED, Refused, acknowledge, people, records, store


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    found = records(event)
    try:
        ids = people(event, [record["author"] for record in found])
    except Refused as refused:
        if refused.status != 429:
            raise
        acknowledge(event, "FAILED")
        return
    for record in found:
        store(record["id"], ids)
    acknowledge(event)
'''

REFUSED_IN_THE_CALM = '''\
"""Asks for a file that is not there, and goes on without it."""

from sound import UPLOADED, Refused, acknowledge, call


def run(event, context):
    if event["eventType"] != UPLOADED:
        return
    try:
        call("GET", "/data/no-such-file")
    except Refused:
        pass
    acknowledge(event)
'''

JAVASCRIPT = """\
// Adds each file to the end of one: a second delivery doubles it.
import { appendFileSync, mkdirSync } from 'node:fs';
import { migration } from '@forge/migrations';

export async function run(event) {
  const payload = await migration.getAppDataPayload(event.key);
  mkdirSync('store', { recursive: true });
  appendFileSync('store/notes', await payload.text());
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""

KEEPS_ROWS_AND_OBJECTS = """\
// Counts how often a file came, in a row and in an object; ids and times are the server's.
import { createHash } from 'node:crypto';
import { migration } from '@forge/migrations';
import objectStore from '@forge/object-store';
import { migrationRunner, sql } from '@forge/sql';

const NOTES = `CREATE TABLE notes (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, file VARCHAR(99) UNIQUE, times INT DEFAULT 1,
  at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)
)`;

export async function run(event) {
  await migrationRunner.enqueue('v1', NOTES).run();
  const insert = 'INSERT INTO notes (file) VALUES (?) ON DUPLICATE KEY UPDATE times = times + 1';
  await sql.prepare(insert).bindParams(event.label).execute();
  const { rows } = await sql.prepare('SELECT times FROM notes WHERE file = ?')
    .bindParams(event.label).execute();
  const body = Buffer.from(`came ${rows[0].times} times`);
  const checksum = createHash('sha1').update(body).digest('base64');
  const upload = { key: event.label, length: body.length, checksum, checksumType: 'SHA1' };
  const { url } = await objectStore.createUploadUrl(upload);
  await fetch(url, { method: 'PUT', body });
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""

PLANTED = {
    "not_idempotent": (NOT_IDEMPOTENT, "state"),
    "needs_order": (NEEDS_ORDER, "state"),
    "not_concurrent": (NOT_CONCURRENT, "state"),
    "acknowledges_first": (ACKNOWLEDGES_FIRST, "state"),
    "swallows": (SWALLOWS, "unacknowledged"),
    "no_retry": (NO_RETRY, "status"),
    "fatal_after_the_end": (FATAL_AFTER_THE_END, "state"),
    "keeps_the_url": (KEEPS_THE_URL, "unacknowledged"),
    "half_a_body": (HALF_A_BODY, "state"),
    "in_memory": (IN_MEMORY, "state"),
}
"""By name: the handler, and the kind of complaint that is true of it."""

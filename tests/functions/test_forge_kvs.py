"""The real ``@forge/kvs`` from npm, unchanged, keeps its values in the platform."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import SECONDS
from tests.functions.packages import installed
from tests.kit.key_value import KeyValueStore
from tests.kit.platform import PlatformProcess

APP = """\
import kvs, { Filter, FilterConditions, WhereConditions } from '@forge/kvs';
import {
  FilterConditions as Which, WhereConditions as Where, storage, startsWith,
} from './node_modules/@forge/api';

export const run = async () => {
  const said = [];
  const told = async (name, call) =>
    said.push([name, await call.catch((e) => `${e.name} ${e.code} ${e.responseDetails?.status}`)]);
  await told('nothing', kvs.get('a').then(String));
  await told('set', kvs.set('a', { n: 1, text: '♥' }).then(String));
  await told('get', kvs.get('a'));
  await told('secret', kvs.setSecret('a', 'hidden').then(() => kvs.getSecret('a')));
  await told('previous', kvs.set('a', 2, { returnValue: 'PREVIOUS' }));
  await told('first', kvs.set('new', 1, { returnValue: 'PREVIOUS' }).then(String));
  await told('conflict', kvs.set('a', 3, { keyPolicy: 'FAIL_IF_EXISTS' }));
  await told('long', kvs.set('k'.repeat(501), 1));
  await told('large', kvs.set('k', 'x'.repeat(240 * 1024)));
  await told('ttl', kvs.set('t', 1, { ttl: { value: 1, unit: 'HOURS' } }).then(String));
  await told('metadata', kvs.get('t', { metadataFields: ['EXPIRE_TIME'] })
    .then((got) => [got.key, got.value, typeof got.expireTime]));
  await told('delete', kvs.delete('t').then(() => kvs.delete('t')).then(String));
  for (const n of [1, 2, 3]) await kvs.set(`q:${n}`, n);
  const query = () => kvs.query().where('key', WhereConditions.beginsWith('q:')).limit(2);
  const first = await query().getMany();
  said.push(['query', first.results]);
  const second = await query().cursor(first.nextCursor).getMany();
  said.push(['rest', second.results, String(second.nextCursor)]);
  await told('one', query().getOne());
  await told('transaction', kvs.transact().set('q:4', 4).delete('q:1').execute().then(String));
  await told('after', query().getMany().then((page) => page.results.map((each) => each.key)));
  await told('batch', kvs.batchSet([{ key: 'b', value: 1 }, { key: 'b/', value: 2 }])
    .then((done) => [done.successfulKeys, done.failedKeys.map((each) => each.error.code)]));
  await told('batch get', kvs.batchGet([{ key: 'b' }]).then((done) => done.successfulKeys));
  await told('batch delete', kvs.batchDelete([{ key: 'b' }]).then((done) => done.failedKeys));
  const notes = kvs.entity('note');
  await told('entity', notes.set('n', { text: 'a', size: 2 }).then(() => notes.get('n')));
  await told('entity wrong', notes.set('n', { size: 'a' }));
  await told('entity unknown', kvs.entity('e').get('a'));
  const bySize = () => notes.query().index('size').where(WhereConditions.lessThan(3));
  await told('entity query', bySize().getOne());
  await told('check', kvs.transact().delete('n', { entityName: 'note', conditions:
    new Filter().and('size', FilterConditions.equalTo(1)) }).execute());
  await told('older', storage.get('q:4'));
  await told('older secret', storage.getSecret('a'));
  await told('older set', storage.set('older', 1).then(() => kvs.get('older')));
  await told('older query', storage.query().where('key', startsWith('old')).getMany()
    .then((page) => page.results));
  await told('older delete', storage.delete('older').then(() => storage.get('older')).then(String));
  await told('older wrong', storage.set('a/b', 1).catch((e) => e.message.slice(0, 30)));
  const older = storage.entity('note');
  await told('older entity', older.set('m', { text: 'b', size: 1 }).then(() => older.get('m')));
  const olderQuery = () => older.query().index('size').where(Where.isLessThan(9)).limit(1);
  const page = await olderQuery().getMany();
  said.push(['older entity query', page.results]);
  await told('older entity rest', olderQuery().cursor(page.nextCursor)
    .andFilter('text', Which.equalsTo('a')).getMany());
  await told('older entity delete', older.delete('m').then(() => older.get('m')).then(String));
  await told('older entity wrong', older.set('m', { size: 'a' })
    .catch((e) => e.message.slice(0, 30)));
  console.log(JSON.stringify(said));
};
"""
SAID: list[list[Any]] = [
    ["nothing", "undefined"],
    ["set", "undefined"],
    ["get", {"n": 1, "text": "♥"}],
    ["secret", "hidden"],
    ["previous", {"key": "a", "value": {"n": 1, "text": "♥"}}],
    ["first", "undefined"],
    ["conflict", "ForgeKvsError KEY_CONFLICT 409"],
    ["long", "ForgeKvsError KEY_TOO_LONG 400"],
    ["large", "ForgeKvsError MAX_SIZE 400"],
    ["ttl", "undefined"],
    ["metadata", ["t", 1, "string"]],
    ["delete", "undefined"],
    ["query", [{"key": "q:1", "value": 1}, {"key": "q:2", "value": 2}]],
    ["rest", [{"key": "q:3", "value": 3}], "undefined"],
    ["one", {"key": "q:1", "value": 1}],
    ["transaction", "undefined"],
    ["after", ["q:2", "q:3"]],
    ["batch", [[{"key": "b"}], ["INVALID_KEY"]]],
    ["batch get", [{"key": "b", "value": 1}]],
    ["batch delete", []],
    ["entity", {"text": "a", "size": 2}],
    ["entity wrong", "ForgeKvsError INVALID_ENTITY_VALUE 400"],
    ["entity unknown", "ForgeKvsError INVALID_ENTITY_NAME 400"],
    ["entity query", {"key": "n", "value": {"text": "a", "size": 2}}],
    ["check", "ForgeKvsError CONDITIONAL_CHECK_FAILED 409"],
    ["older", 4],
    ["older secret", "hidden"],
    ["older set", 1],
    ["older query", [{"key": "older", "value": 1}]],
    ["older delete", "undefined"],
    ["older wrong", "Expected a key of ASCII letter"],
    ["older entity", {"text": "b", "size": 1}],
    ["older entity query", [{"key": "m", "value": {"text": "b", "size": 1}}]],
    [
        "older entity rest",
        {"results": [{"key": "n", "value": {"text": "a", "size": 2}}], "nextCursor": None},
    ],
    ["older entity delete", "undefined"],
    ["older entity wrong", "Expected size to be an integer"],
]


NOTE = {
    "name": "note",
    "attributes": {"text": {"type": "string"}, "size": {"type": "integer"}},
    "indexes": ["size"],
}


@pytest.fixture(scope="session")
def forge_kvs(javascript: None) -> Path:
    """A folder with the package, and with ``@forge/api`` 7, which it needs."""
    return installed("@forge/kvs@1.6.5")


def test_the_package_from_npm_works_unchanged(
    forge_kvs: Path, platform_process: PlatformProcess, tmp_path: Path
) -> None:
    store = KeyValueStore.begin(platform_process, tmp_path / "python", entities=[NOTE])
    app = tmp_path / "app"
    app.mkdir()
    (app / "index.js").write_text(APP)
    (app / "node_modules").symlink_to(forge_kvs / "node_modules")
    variables = {"FERRYMAN_URL": platform_process.url, "FERRYMAN_TOKEN": store.token}

    async def call() -> str:
        async with FunctionPool(concurrency=1) as pool:
            outcome = await pool.invoke(
                FunctionCall(
                    source=app,
                    handler="index.run",
                    event={},
                    context={},
                    environment=variables,
                    timeout=SECONDS,  # for some eighty calls
                )
            )
            assert outcome.ok, outcome.error
            return outcome.output

    said = json.loads(asyncio.run(call()))
    assert dict(zip([name for name, *_ in said], said, strict=True)) == {
        each[0]: each for each in SAID
    }

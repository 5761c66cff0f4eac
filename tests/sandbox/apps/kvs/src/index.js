import { gunzipSync } from 'node:zlib';

import kvs, { Filter, FilterConditions, Sort, WhereConditions } from '@forge/kvs';
import { migration } from '@forge/migrations';

const NOTE = 'note';
const BATCH = 25;

// Events may come twice; what is written twice is the same.
export async function run({ transferId, messageId, key }) {
  const payload = await migration.getAppDataPayload(key);
  const lines = gunzipSync(Buffer.from(await payload.arrayBuffer())).toString('utf8').split('\n');
  const notes = lines.filter(Boolean).map((line) => JSON.parse(line));
  for (let start = 0; start < notes.length; start += BATCH) {
    const batch = notes.slice(start, start + BATCH);
    const { failedKeys } = await kvs.batchSet(
      batch.map(({ id, ...value }) => ({ entityName: NOTE, key: `note:${id}`, value })),
    );
    if (failedKeys.length > 0) throw new Error(JSON.stringify(failedKeys));
  }
  await migration.addLog(transferId, JSON.stringify(await summary()));
  await migration.messageProcessed(transferId, messageId);
}

async function summary() {
  const best = await kvs.entity(NOTE).query().index('by-votes', { partition: ['p1'] })
    .where(WhereConditions.greaterThan(10)).sort(Sort.DESC).limit(2).getMany();
  const ofAda = await all(() => kvs.entity(NOTE).query().index('author')
    .where(WhereConditions.equalTo('ada')));
  const liked = await all(() => kvs.entity(NOTE).query().index('author')
    .where(WhereConditions.equalTo('ada'))
    .filters(new Filter().and('votes', FilterConditions.between(20, 30))
      .and('text', FilterConditions.contains('♥'))));
  const first = await kvs.entity(NOTE).get('note:0');
  await kvs.transact()
    .set('imported', { notes: ofAda.length })
    .check('note:0', { entityName: NOTE, conditions: new Filter()
      .and('author', FilterConditions.equalTo('ada')) })
    .execute();
  const wrong = await kvs.entity(NOTE).set('note:x', { votes: 'many' }).catch((e) => e.code);
  return {
    best: best.results.map((each) => each.value.votes),
    more: typeof best.nextCursor,
    ofAda: ofAda.length,
    liked: liked.map((each) => each.value.votes),
    first,
    imported: await kvs.get('imported'),
    wrong,
  };
}

async function all(query) {
  const found = [];
  let cursor;
  do {
    const builder = query().limit(50);
    const page = await (cursor ? builder.cursor(cursor) : builder).getMany();
    found.push(...page.results);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

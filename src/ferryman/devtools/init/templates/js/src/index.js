// The cloud app: imports the notes of each file into Forge's store.

import { kvs } from '@forge/kvs';
import { migration, MigrationAPIError } from '@forge/migrations';

const BATCH = 100; // ids that the platform looks up in one call

// An event may come twice, so what is written twice must be the same.
export async function run({ transferId, messageId, key }) {
  try {
    const count = await importNotes(transferId, key);
    await migration.addLog(transferId, `${count} notes imported`);
    // Only now: an acknowledged event is never sent again.
    await migration.messageProcessed(transferId, messageId);
  } catch (error) {
    // 409: the transfer is over, and there is nothing left to do.
    if (!(error instanceof MigrationAPIError && error.status === 409)) throw error;
  }
}

async function importNotes(transferId, key) {
  const payload = await migration.getAppDataPayload(key);
  const lines = (await payload.text()).split('\n').filter(Boolean);
  const notes = lines.map((line) => JSON.parse(line));
  for (let start = 0; start < notes.length; start += BATCH) {
    const batch = notes.slice(start, start + BATCH);
    const authors = [...new Set(batch.map((note) => note.author))];
    const { result } = await migration.getMappingById(transferId, 'identity:user', authors);
    for (const { id, author, text } of batch) {
      await kvs.set(`note:${id}`, { author: result.get(author) ?? null, text });
    }
  }
  return notes.length;
}

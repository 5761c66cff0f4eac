import { gunzipSync } from 'node:zlib';

import { migration, MigrationAPIError } from '@forge/migrations';

import { importNotes } from './notes';
import { importSettings } from './settings';

const UPLOADED = 'avi:ecosystem.migration:uploaded:app_data';
const importers = { notes: importNotes, settings: importSettings };

export async function run(event, context) {
  if (event.eventType === UPLOADED) {
    await unlessOver(importFile(event));
  } else {
    console.log(`${event.eventType} of ${event.transferId} at ${context.installContext}`);
  }
}

// An event may come again when its transfer has ended: what it asks for was done, and calls are refused.
async function unlessOver(work) {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof MigrationAPIError && error.status === 409)) throw error;
  }
}

// Events come in any order and may come twice; what is written twice is the same.
async function importFile({ transferId, messageId, key, label }) {
  const importer = importers[label];
  if (!importer) {
    await migration.addLog(transferId, `Nothing in this app imports files labelled ${label}`);
    await migration.messageFailed(transferId, messageId);
    return;
  }
  const payload = await migration.getAppDataPayload(key);
  const lines = gunzipSync(Buffer.from(await payload.arrayBuffer())).toString('utf8').split('\n');
  const records = lines.filter(Boolean).map((line) => JSON.parse(line));
  const report = await importer(transferId, records);
  await migration.addLog(transferId, report);
  // Only now: an acknowledged event is never sent again.
  await migration.messageProcessed(transferId, messageId);
}

import { kvs } from '@forge/kvs';

const BATCH = 25; // Forge's store takes this many values at a time

export async function keep(entries) {
  for (let start = 0; start < entries.length; start += BATCH) {
    const { failedKeys } = await kvs.batchSet(entries.slice(start, start + BATCH));
    if (failedKeys.length > 0) throw new Error(`Not kept: ${JSON.stringify(failedKeys)}`);
  }
}

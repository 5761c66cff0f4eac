import { kvs } from '@forge/kvs';

export async function importSettings(transferId, records) {
  for (const { name, value } of records) {
    await kvs.set(`setting:${name}`, value);
  }
  return `Imported ${records.length} settings`;
}

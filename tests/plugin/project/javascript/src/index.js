import { migration } from '@forge/migrations';

export async function run({ transferId, messageId, key }) {
  const payload = await migration.getAppDataPayload(key);
  await migration.addLog(transferId, (await payload.text()).toUpperCase());
  await migration.messageProcessed(transferId, messageId);
}

import { migration } from '@forge/migrations';

interface Uploaded {
  transferId: string;
  messageId: string;
  key: string;
}

export async function run({ transferId, messageId, key }: Uploaded): Promise<void> {
  const payload = await migration.getAppDataPayload(key);
  await migration.addLog(transferId, (await payload.text()).toUpperCase());
  await migration.messageProcessed(transferId, messageId);
}

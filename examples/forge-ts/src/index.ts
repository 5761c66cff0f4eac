import { gunzipSync } from 'zlib';

import { migration, MigrationAPIError } from '@forge/migrations';

import { assertUploaded, type UploadedEvent, type Worklog } from './events';
import { allIds } from './ids';

export const run = async (event: UploadedEvent): Promise<void> => {
  assertUploaded(event);
  const { transferId, messageId, key } = event;
  try {
    const worklogs = await download(key);
    const project = await migration.getContainers(transferId, 'JiraProject').getOne();
    const people = await allIds(transferId, 'identity:user');
    const hours = sum(worklogs, people);
    await migration.addLog(transferId, `Project ${project?.key}: ${JSON.stringify(hours)}`);
    await migration.messageProcessed(transferId, messageId);
  } catch (error) {
    if (error instanceof MigrationAPIError) {
      console.error('the platform answered', error.status, error.message);
      // An event may come again when its transfer has ended: what it asks for was done.
      if (error.status === 409) return;
    }
    throw error; // the platform sends the event again
  }
};

async function download(key: string): Promise<Worklog[]> {
  const response = await migration.getAppDataPayload(key);
  const text = gunzipSync(Buffer.from(await response.arrayBuffer())).toString();
  return text.split('\n').filter(Boolean).map((line): Worklog => JSON.parse(line));
}

function sum(worklogs: Worklog[], people: Map<string, string>): Record<string, number> {
  const hours: Record<string, number> = {};
  for (const { author, seconds } of worklogs) {
    const account = people.get(`jira.userkey/${author}`) ?? 'unknown';
    hours[account] = (hours[account] ?? 0) + seconds / 3600;
  }
  return hours;
}

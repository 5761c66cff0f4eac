import { migration } from '@forge/migrations';

import { keep } from './store';

const BATCH = 100; // the platform looks up this many ids at a time

export async function importNotes(transferId, notes) {
  let left = 0;
  for (let start = 0; start < notes.length; start += BATCH) {
    const batch = notes.slice(start, start + BATCH);
    const issues = await cloudIds(transferId, 'jira:issue', batch.map((note) => note.issue));
    const authors = batch.map((note) => `jira.userkey/${note.author}`);
    const people = await cloudIds(transferId, 'identity:user', authors);
    const entries = [];
    for (const note of batch) {
      const issue = issues.get(note.issue);
      if (issue === undefined) {
        left += 1;
        continue;
      }
      const author = people.get(`jira.userkey/${note.author}`) ?? null;
      entries.push({ key: `note:${note.id}`, value: { issue, author, text: note.text } });
    }
    await keep(entries);
  }
  return `Imported ${notes.length - left} notes; ${left} belong to issues that were not migrated`;
}

async function cloudIds(transferId, namespace, keys) {
  const { result } = await migration.getMappingById(transferId, namespace, [...new Set(keys)]);
  return result;
}

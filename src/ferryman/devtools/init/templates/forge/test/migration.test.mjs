// A migration of the notes. `npm test` starts a platform, runs this beside it, and stops it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';

const ferryman = (...words) => execFileSync('ferryman', words, { encoding: 'utf8' });

test('the notes arrive with the ids of the cloud', () => {
  ferryman('migrate', '--listener', 'listener:NoteExport', '--settle');
  const said = ferryman('state', 'show', process.env.FERRYMAN_APP_KEY, '--json');
  const notes = JSON.parse(said).items.map(({ key, value }) => [key, value.author, value.text]);
  assert.deepEqual(notes, [
    ['note:1', '712020:ann', 'Mind the tide'],
    ['note:2', '712020:ben', 'Call the pilot'],
    ['note:3', '712020:ann', 'Check the moorings'],
  ]);
});

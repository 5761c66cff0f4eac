// Stands in for @forge/kvs where there is no Forge: each value is a file in the folder .kvs.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

const folder = join(process.cwd(), '.kvs');
const place = (key) => join(folder, encodeURIComponent(key));

export const kvs = {
  async get(key) {
    try {
      return JSON.parse(await readFile(place(key), 'utf8'));
    } catch (error) {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }
  },

  async set(key, value) {
    await mkdir(folder, { recursive: true });
    const part = join(folder, `.${randomUUID()}`);
    await writeFile(part, JSON.stringify(value));
    await rename(part, place(key));
  },
};

export default kvs;

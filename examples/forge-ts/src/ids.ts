import { migration } from '@forge/migrations';

/** All ids of a namespace, page by page. */
export async function allIds(transferId: string, namespace: string): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  let cursor: string | undefined;
  do {
    let query = migration.getMappings(transferId, namespace).limit(1000);
    if (cursor) query = query.cursor(cursor);
    const page = await query.getMany();
    for (const { key, value } of page.results) ids.set(key, String(value));
    cursor = page.nextCursor;
  } while (cursor);
  return ids;
}

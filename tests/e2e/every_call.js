// Calls every method of @forge/migrations, and logs what came of it.

const forge = require('@forge/migrations');
const { migration, MigrationAPIError } = forge;

exports.run = async (event, context) => {
  if (!event.key) return;
  const id = event.transferId;
  const said = { context, forge: Object.keys(forge).sort(), same: forge.default.migration === migration };

  const ids = await migration.getMappingById(id, 'jira:issue', ['1', '2', 'none']);
  said.ids = ids;
  said.keys = Object.keys(ids);
  said.result = [ids.result instanceof Map, ids.result.get('1'), ids.result['2'], ids.result.size];

  const first = await migration.getMappings(id, 'jira:issue').limit(100).getMany();
  const query = migration.getMappings(id, 'jira:issue').limit(200);
  const second = await query.cursor(first.nextCursor).getMany();
  said.pages = [first.results.length, second.results.length, 'nextCursor' in second];
  said.one = await migration.getMappings(id, 'jira:issue').getOne();
  said.nothing = String(await migration.getMappings(id, 'jira:nothing').getOne());
  said.containers = await migration.getContainers(id, 'JiraProject').getMany();

  const { result: files } = await migration.getAppDataList(id);
  said.files = [files instanceof Set, files.size, ...[...files].map((file) => Object.keys(file).sort())];
  const payload = await migration.getAppDataPayload(event.key);
  said.payload = [payload instanceof Response, payload.ok, payload.status, payload.statusText,
    payload.headers.get('content-type'), await payload.json()];

  const errors = [
    () => migration.getAppDataPayload(id),
    () => migration.addLog('no-transfer', 'x'),
    () => migration.getMappings(id, 'jira:issue').limit(0).getMany(),
    () => migration.getMappingById(id, 'jira:issue', ['']),
    async () => { process.env.FERRYMAN_URL = 'http://127.0.0.1:9'; await migration.addLog(id, 'x'); },
  ];
  const url = process.env.FERRYMAN_URL;
  said.errors = [];
  for (const act of errors) {
    await act().then(() => said.errors.push('none'), (error) => said.errors.push(
      [error instanceof MigrationAPIError, error instanceof Error, error.name, String(error.status)]));
  }
  process.env.FERRYMAN_URL = url;
  said.returned = [String(await migration.addLog(id, JSON.stringify(said))),
    String(await migration.messageProcessed(id, event.messageId))];
  console.log(JSON.stringify(said.returned));
};

// Calls a product, which fixtures answer: it has no network to.
export const run = async () => {
  const jira = { type: 'fpp', provider: 'app', remote: 'jira' };
  const answer = await globalThis.__forge_fetch__(jira, '/rest/api/3/myself');
  console.log(JSON.stringify([answer.status, await answer.json()]));
};

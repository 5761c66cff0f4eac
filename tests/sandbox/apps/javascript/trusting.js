// A function that calls a host whose authority only the variables name, and says what they hold.

import fs from 'node:fs';
import https from 'node:https';

export async function run(event) {
  const file = process.env.NODE_EXTRA_CA_CERTS;
  const word = await new Promise((resolve) => {
    https.get(`https://${event.names[0]}:${event.targets.secure}/`, { agent: false }, (answer) => {
      answer.setEncoding('utf8').on('data', resolve);
    }).on('error', (error) => resolve(String(error)));
  });
  const given = file === undefined ? '' : fs.readFileSync(file, 'utf8');
  console.log(JSON.stringify({ word, given }));
}

// What the probe runs in a sandbox by Node.js: it tries what must not work, and what must.

'use strict';

const fs = require('node:fs');
const net = require('node:net');

function reached(port) {
  return new Promise((resolve) => {
    const connection = net.connect(port, '127.0.0.1');
    connection.on('data', (data) => { connection.destroy(); resolve(String(data) === '.'); });
    connection.on('error', () => resolve(false));
  });
}

function refused(path) {
  try {
    fs.closeSync(fs.openSync(path, 'wx'));
  } catch {
    return true;
  }
  return false;
}

exports.run = async (event) => {
  fs.writeFileSync('/scratch/node', '');
  fs.unlinkSync('/scratch/node');
  const checks = {
    'another first process': process.ppid === 1,
    'files written outside the scratch folder': refused('/ferryman') && refused('ferryman'),
    'the platform out of reach': await reached(event.port),
  };
  const wrong = Object.keys(checks).filter((name) => !checks[name]);
  if (wrong.length) throw new Error(`found ${wrong.join(', ')}`);
};

// A function that tries to reach what it must not; each probe says what it got, or is refused.

import { spawn, spawnSync } from 'node:child_process';
import dns from 'node:dns/promises';
import fs from 'node:fs';
import net from 'node:net';
import dgram from 'node:dgram';
import { createRequire } from 'node:module';

const got = (what) => `reached: ${what}`;
const read = (path) => got(fs.readFileSync(path).subarray(0, 40));
const listed = (path) => (fs.readdirSync(path).length ? got(path) : 'refused: empty');

function write(path) {
  fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY));
  return got('it can be opened for writing');
}

function create(folder) {
  fs.closeSync(fs.openSync(`${folder}/made-by-a-probe`, 'wx'));
  fs.unlinkSync(`${folder}/made-by-a-probe`);
  return got('a file can be created');
}

function connect(options) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(options);
    socket.setTimeout(3000, () => reject(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.on('data', (data) => { socket.destroy(); resolve(got(data)); });
    socket.on('end', () => reject(Object.assign(new Error(), { code: 'closed' })));
    socket.on('error', reject);
  });
}

function send(address) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.on('error', reject);
    socket.send('x', 53, address, (error) => {
      socket.close();
      if (error) reject(error);
      else resolve(got(address));
    });
  });
}

function alive() {
  const fields = fs.readFileSync('/proc/1/stat', 'utf8').split(') ')[1].split(' ');
  return !'TtZ'.includes(fields[0]);
}

async function processes() {
  const children = [];
  let failed = 0;
  for (let count = 0; count < 200; count += 1) {
    const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
    child.on('error', () => { failed += 1; });
    children.push(child);
  }
  const started = children.filter((child) => child.pid);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await Promise.all(started.map((child) => new Promise((resolve) => {
    child.on('exit', resolve);
    child.kill('SIGKILL');
  })));
  return started.length <= 64 && failed ? `refused: after ${started.length}` : got(started.length);
}

function fill(path) {
  let written = 0;
  const file = fs.openSync(path, 'w');
  try {
    for (; written < 512; written += 1) fs.writeSync(file, Buffer.alloc(1 << 20));
  } catch (error) {
    return `refused: ${error.code} after ${written} MiB`;
  } finally {
    fs.closeSync(file);
    fs.unlinkSync(path);
  }
  return got(`${written} MiB`);
}

const PROBES = {
  'the platform': async (t) => (await (await fetch(`http://127.0.0.1:${t.platform}`)).text())
    .replace('platform', 'refused: nothing, as it is allowed'),
  'environment of the worker': (t) => (JSON.stringify(process.env).includes(t.secret)
    ? got('it') : 'refused: not there'),
  'operator token': (t) => read(`${t.data}/operator-token`),
  'operator token in the source': () => read('.ferryman/operator-token'),
  'data folder': (t) => listed(t.data),
  objects: (t) => read(`${t.data}/objects/file`),
  'database by path': (t) => connect({ path: `${t.data}/database.sock` }),
  'source of another app': (t) => read(`${t.neighbour}/index.py`),
  'passwords of the machine': () => read('/etc/shadow'),
  'a module outside by require': (t) => got(createRequire(import.meta.url)(`${t.neighbour}/data.json`)),
  'descriptors of others': () => {
    const found = [];
    for (const name of fs.readdirSync('/proc/self/fd')) {
      try {
        found.push(fs.readlinkSync(`/proc/self/fd/${name}`));
      } catch {
        // That of the folder itself.
      }
    }
    const known = /^(pipe|socket|anon_inode|\/dev\/null|\/memfd:mark \(deleted\)$)/;
    const pipes = new Set(found.filter((each) => each.startsWith('pipe')));
    return found.every((each) => known.test(each)) ? `refused: ${pipes.size} pipes` : got(found);
  },
  'other processes': () => {
    const others = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      .filter((name) => !['1', String(process.pid)].includes(name));
    return others.length ? got(others) : 'refused: none there';
  },
  'processes outside by number': (t) => {
    for (const pid of t.processes) {
      if (pid === 1 || pid === process.pid) continue;
      try {
        process.kill(pid, 0);
      } catch (error) {
        if (error.code === 'ESRCH') continue;
      }
      return got(pid);
    }
    return 'refused: no such process';
  },
  'supervisor ended': async () => {
    for (const name of ['SIGTERM', 'SIGSTOP', 'SIGKILL']) process.kill(1, name);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return alive() ? 'refused: still there' : got('its end');
  },
  "supervisor's memory": () => read('/proc/1/mem'),
  "supervisor's variables": () => read('/proc/1/environ'),
  "supervisor's folder": () => listed('/proc/1/root/'),
  'port of another service': (t) => connect({ host: '127.0.0.1', port: t.port }),
  'metadata of a cloud': () => connect({ host: '169.254.169.254', port: 80 }),
  'private address': () => connect({ host: '10.0.0.1', port: 443 }),
  'public address': () => connect({ host: '192.0.2.1', port: 443 }),
  'name server elsewhere': () => send('192.0.2.53'),
  'name that is not granted': async () => got(await dns.lookup('elsewhere.test')),
  'user namespace': () => {
    const done = spawnSync('/usr/bin/unshare', ['--user', 'true'], { encoding: 'utf8' });
    return done.status === 0 ? got('one') : `refused: ${done.stderr || done.error.code}`;
  },
  mount: () => {
    const done = spawnSync('/bin/mount', ['-t', 'tmpfs', 'none', '/scratch'], { encoding: 'utf8' });
    return done.status === 0 ? got('one') : `refused: ${done.stderr || done.error.code}`;
  },
  "kernel's settings": () => write('/proc/sys/kernel/core_pattern'),
  "kernel's emergency keys": () => write('/proc/sysrq-trigger'),
  'own source': () => create('.'),
  'root of the files': () => create('/'),
  'system folders': () => create('/usr'),
  devices: () => create('/dev'),
  root: () => {
    if (process.getuid() !== 0) process.setuid(0);
    const rights = fs.readFileSync('/proc/self/status', 'utf8').match(/^Cap.*$/gm);
    return rights.every((line) => /\t0{16}$/.test(line)) ? 'refused: no capability' : got(rights);
  },
  processes,
  disk: () => fill('/scratch/filling'),
  'disk in shared memory': () => fill('/dev/shm/filling'),
};

export async function run(event) {
  const found = {};
  for (const [name, probe] of Object.entries(PROBES)) {
    try {
      found[name] = await probe(event.targets);
    } catch (error) {
      found[name] = `refused: ${error.code ?? error.cause?.code ?? error}`;
    }
  }
  console.log(JSON.stringify(found));
}

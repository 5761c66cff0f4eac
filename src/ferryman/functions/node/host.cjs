// Runs a cloud app's JavaScript, one call at a time. `host.py` starts it below the supervisor and
// documents the protocol; the first request carries the bundle. Standard output belongs to the app,
// so answers have their own descriptor.

'use strict';

// CommonJS, because the loader of ES modules takes a tenth of the processor time of a start.
const { AsyncLocalStorage } = require('node:async_hooks');
const { readFileSync, writeSync } = require('node:fs');
const Module = require('node:module');
const net = require('node:net');
const { dirname } = require('node:path');
const { inspect } = require('node:util');

const { provide } = require('./forge.cjs');

const CHANNEL = 3;
const MARK = 4;
const ERROR_CHARACTERS = 8192;
const MESSAGE_CHARACTERS = 1000;
const LEAVES = 3;
const INSTALLED = '/node_modules/';
// Whatever still runs after the function returned would interfere with the next call.
const RUNNING = {
  Timeout: 'a timer',
  Immediate: 'an immediate',
  ProcessWrap: 'a process',
  MessagePort: 'a worker thread',
  TCPServerWrap: 'a server',
  PipeServerWrap: 'a server',
};
const { parse, stringify } = JSON;
// Node.js itself defers some cleanup by a few turns; an endless loop is the app's.
const TURNS = 10;
const RETRY_DATA_BYTES = 4096; // MAX_RETRY_DATA_BYTES of domain/limits.py
const active = () => process.getActiveResourcesInfo();
const turn = () => new Promise((resolve) => setImmediate(resolve));

// The app's own frame may be below many frames of its packages.
Error.stackTraceLimit = 50;

const calls = new AsyncLocalStorage();
// Blocking: queued output would count as the app's memory, and be lost when it exits.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

const mark = Buffer.alloc(8);
let current = null; // the call in progress: its number, its state, what was thrown aside
let loaded = null; // kept, for the source map goes with it
let debugged = false;
let root = null; // the app's source folder, ending in a slash

class HandlerMissing extends Error {}

function answer(state, members) {
  let rest = Buffer.from(`${stringify({ call: current.call, state, ...members })}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(CHANNEL, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

async function serve(request) {
  const { call, event, context, environment, program, seconds, identity, told, debug } = request;
  Object.assign(process.env, environment);
  let escaped;
  const failure = new Promise((resolve, reject) => { escaped = reject; });
  failure.catch(() => {});
  current = { call, ending: 'unloadable', escaped, aside: null };
  if (loaded === null) {
    try {
      root = `${program.source}/`;
      if (debug) waitForDebugger(debug);
      provide(calls, program);
      await Promise.race([load(program), failure]);
    } catch (error) {
      answer('unloadable', failureOf(error, loadCause(error)));
      current = null;
      process.exit(0);
    }
  }
  const token = process.env.FERRYMAN_TOKEN;
  const deadline = performance.now() + seconds * 1000;
  // While somebody debugs, no time passes for the function.
  const remaining = debugged ? () => seconds * 1000 : () => deadline - performance.now();
  current.ending = 'done';
  mark.writeUIntBE(call, 2, 6);
  writeSync(MARK, mark, 0, mark.length, 0);
  if (told) answer('called', {});
  let failed = null;
  let clean = false; // the function has ended by what it threw, and nothing it began is open
  const open = active().length;
  let retry;
  try {
    const { run: handler } = loaded;
    const run = async () => {
      try {
        return await handler(event, context);
      } catch (thrown) {
        clean = true;
        throw thrown;
      }
    };
    const inside = { call, token, remaining, context, identity };
    retry = retryOf(await Promise.race([calls.run(inside, run), failure]));
  } catch (thrown) {
    failed = failureOf(thrown, 'function_raised');
  }
  await turn(); // what it only put off to the next turn of the loop is done by then
  for (let more = TURNS; more > 0 && active().includes('Immediate'); more -= 1) await turn();
  clean &&= current.aside === null && active().length <= open;
  answer('done', { error: null, ...(failed ?? current.aside), left: leftRunning(), retry, clean });
  current = null;
  delete process.env.FERRYMAN_TOKEN;
}

// The InvocationError of `@forge/api` and `@forge/events` is a plain object that functions return;
// any other return value means nothing.
function retryOf(result) {
  // Most return nothing; to throw and catch for each of them would take a tenth of a warm call.
  if (result === undefined || attempt(() => result._retry) !== true) return undefined;
  const asked = attempt(() => parse(stringify(result)).retryOptions) ?? {};
  const data = asked.retryData;
  const size = data === undefined ? 0 : Buffer.byteLength(stringify(data));
  const fits = size <= RETRY_DATA_BYTES;
  return { after: asked.retryAfter, reason: asked.retryReason, data: fits ? data : undefined, size };
}

// Blocks until a debugger has attached and set its breakpoints.
function waitForDebugger(port) {
  const inspector = require('node:inspector');
  inspector.open(port, '127.0.0.1', true);
  if (inspector.url() === undefined) throw new Error(`port ${port} is taken: no debugger can attach`);
  debugged = true;
}

// Debuggers stop before a script with a source map, to set breakpoints by it, but not before a
// module. So they get a script that does nothing, with the module's address and source map.
function showSourceMap(code, file) {
  const map = code.slice(code.lastIndexOf('//# sourceMappingURL='));
  require('node:vm').runInThisContext(`undefined;\n${map}`, { filename: file });
}

function load({ code, file, function: name }) {
  const module = new Module(file, null);
  module.filename = file;
  module.paths = Module._nodeModulePaths(dirname(file));
  if (debugged) showSourceMap(code, file);
  module._compile(code, file);
  const run = module.exports[name];
  if (typeof run !== 'function') throw new HandlerMissing(`${file} exports no function ${name}`);
  loaded = { run, module };
}

// An error that nobody awaits fails the call in progress. Between two calls it ends the host, and
// the next call gets a new one.
function escape(what) {
  return (thrown) => {
    if (current === null) {
      console.error(`${what} after the function had returned:`, thrown);
      process.exit(1);
    }
    current.aside ??= failureOf(thrown, 'function_raised');
    current.escaped(thrown);
  };
}

process.on('uncaughtException', escape('Thrown'));
process.on('unhandledRejection', escape('Rejected'));
process.on('exit', (code) => {
  if (current === null) return;
  const exit = new Error(`the function called process.exit(${code}) instead of returning`);
  const cause = current.ending === 'done' ? 'function_exited' : 'function_not_loaded';
  answer(current.ending, { ...failureOf(exit, cause), left: '' });
});

function loadCause(error) {
  if (error instanceof HandlerMissing) return 'handler_missing';
  const code = attempt(() => error.code);
  const missing = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
  return missing ? 'dependency_missing' : 'function_not_loaded';
}

// Describe a thrown value for the answer to a request.
function failureOf(thrown, cause) {
  const message = String(attempt(() => messageOf(thrown)) ?? '').slice(0, MESSAGE_CHARACTERS);
  const name = String(attempt(() => classOf(thrown)) ?? typeof thrown);
  const frame = attempt(() => frameOf(thrown)) ?? null;
  return { error: describe(thrown), cause, class: name, message, frame };
}

// The accessors of a thrown value may throw too.
function attempt(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const isError = (thrown) => thrown instanceof Error || typeof thrown?.stack === 'string';

// The class of an Error, or the type of another thrown value. `name` says more if the class is a
// general one, and is rarely set otherwise.
function classOf(thrown) {
  if (thrown === null) return 'null';
  if (typeof thrown !== 'object' && typeof thrown !== 'function') return typeof thrown;
  const own = attempt(() => thrown.constructor?.name) || 'Object';
  if (!isError(thrown)) return own;
  const general = own === 'Error' || own === 'DOMException' || own === 'Object';
  return general && typeof thrown.name === 'string' && thrown.name ? thrown.name : own;
}

function messageOf(thrown) {
  if (thrown === null || thrown === undefined) return '';
  if (typeof thrown === 'string') return thrown;
  if (!isError(thrown)) return inspect(thrown, { breakLength: Infinity });
  const text = String(thrown.message ?? '');
  if (!(thrown instanceof AggregateError)) return text;
  const first = thrown.errors.slice(0, LEAVES);
  return `${text}: ${first.map((each) => `${classOf(each)}: ${messageOf(each)}`).join('; ')}`;
}

// The innermost frame in the app's own files; for an AggregateError, in its first error.
function frameOf(thrown) {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return frameOf(thrown.errors[0]);
  const stack = thrown?.stack;
  if (typeof stack !== 'string') return null;
  // The message precedes the frames, and may look like one.
  const message = String(thrown.message ?? '');
  const begin = message === '' ? -1 : stack.indexOf(message);
  const frames = begin === -1 ? stack : stack.slice(begin + message.length);
  for (const [, name, file, line] of frames.matchAll(FRAME)) {
    if (!file.startsWith(root) || file.includes(INSTALLED)) continue;
    const place = `${file.slice(root.length)}:${line}`;
    const named = name && !name.includes('<anonymous>');
    return named ? `${place} in ${name.replace(ALIAS, '')}` : place;
  }
  return null;
}

const FRAME = /^ +at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(\/[^\n]*?):(\d+):\d+\)?$/gm;
const ALIAS = / \[as [^\]]*\]$/;

function describe(thrown) {
  let text;
  try {
    text = inspect(thrown);
    if (thrown instanceof Error || typeof thrown?.stack === 'string') {
      text = text.replaceAll(OURS, '$1');
    } else {
      text = `The function threw ${text}, which is no Error and says not where it was thrown.`;
    }
  } catch {
    text = 'The function threw something that cannot be printed.';
  }
  const half = ERROR_CHARACTERS / 2;
  return text.length <= ERROR_CHARACTERS ? text : `${text.slice(0, half)}\n[...]\n${text.slice(-half)}`;
}

// Lines of a stack trace, each with its preceding line break; more of the error may follow the
// last.
const OURS = /\n\s+at [^\n]*(?:\/functions\/node\/host\.cjs|\bnode:)[^\n]*?( \{)?(?=\n|$)/g;

function leftRunning() {
  const left = new Set(active().map((kind) => RUNNING[kind]));
  try {
    // The main thread starts child processes, and inherits orphans of its children.
    if (readFileSync(`/proc/self/task/${process.pid}/children`).length > 0) left.add('a process');
  } catch {
    // Not Linux.
  }
  return [...left].filter(Boolean).join(', ');
}

const channel = new net.Socket({ fd: CHANNEL, readable: true, writable: false });
let pieces = [];
channel.on('data', (data) => {
  pieces.push(data);
  if (data[data.length - 1] !== 10) return;
  const line = Buffer.concat(pieces);
  pieces = [];
  serve(parse(line));
});
channel.on('end', () => process.exit(0));
channel.on('error', () => process.exit(1));

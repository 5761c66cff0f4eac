"""Apps in which nothing is wrong, of every kind; a mistake changes one of their files."""

MANIFEST = """\
app:
  id: ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11
  runtime:
    name: nodejs22.x
permissions:
  external:
    fetch:
      backend:
        - address: https://api.example.com
modules:
  function:
    - key: migration-fn
      handler: index.run
      timeoutSeconds: 25
  trigger:
    - key: on-migration
      function: migration-fn
      events:
        - avi:ecosystem.migration:uploaded:app_data
        - avi:ecosystem.migration:settled:transfer
"""
SOURCE = """\
import { migration } from '@forge/migrations';
import { inspect } from 'util';

export async function run(event) {
  // migration.messageProcessed( is called below
  await fetch('https://api.example.com/notes');
  console.log(inspect(event));
  await migration.messageProcessed(event.transferId, event.messageId);
}
"""
PYTHON = """\
from ferryman import Migration


def run(event, context):
    Migration().message_processed(event["transferId"], event["messageId"])
"""
REMOTE = """\
app:
  id: ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11
permissions:
  scopes:
    - read:app-system-token
remotes:
  - key: backend
    baseUrl: https://app.example.com
modules:
  endpoint:
    - key: hook
      remote: backend
      route:
        path: /events
      auth:
        appSystemToken:
          enabled: true
  trigger:
    - key: on-migration
      endpoint: hook
      events:
        - avi:ecosystem.migration:uploaded:app_data
"""
CONTAINER = """\
app:
  id: ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11
services:
  - key: importer
    containers:
      - key: importer
        health:
          route:
            path: /health
    tunnel:
      port: 8080
modules:
  endpoint:
    - key: hook
      service: importer
      route:
        path: /migration
  trigger:
    - key: on-migration
      endpoint: hook
      events:
        - avi:ecosystem.migration:uploaded:app_data
"""
SERVICES = '[services.importer]\ncommand = "./importer"\n'
MOVED = """\
app:
  id: ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11
  connect:
    key: org.example.connect
    remote: backend
remotes:
  - key: backend
    baseUrl: https://connect.example.com
connectModules:
  jira:lifecycle:
    - key: lifecycle
      installed: /installed
  jira:cloudAppMigration:
    - key: migration
      migrationWebhookPath: /migration
"""
DESCRIPTOR = """\
{
  "key": "org.example.connect",
  "baseUrl": "https://connect.example.com",
  "authentication": { "type": "jwt" },
  "lifecycle": { "installed": "/installed" },
  "modules": {
    "jira:cloudAppMigration": { "migrationWebhookPath": "/migration" }
  }
}
"""
PLAN = """\
name = "A plan"
app = "org.example.connect"
server-app = "org.example.server"
environment = "production"
"""
LISTENER = """\
class Listener:
    def get_server_app_key(self) -> str:
        return "org.example.server"
"""
PACKAGE = '{\n  "dependencies": { "@forge/migrations": "^2.1.2" }\n}\n'

# A handler in TypeScript, what it takes by the paths of tsconfig.json, and much that only looks as
# if it were part of it: types, tests, a front end, and things called as the platform's are.
TYPED = """\
import { migration as platform } from '@forge/migrations';
import { importNote } from '@/notes';
import { Note } from 'types-only';

class Book {
  addLog(id: string, text: string) {
    console.log(id, text);
  }
}
const book = new Book();
function addLog(text: string) {
  book.addLog('book', text);
}

export async function run(event: any) {
  addLog('begun');
  const note: Note = importNote(event);
  await platform.addLog(event.transferId, note);
  await platform.messageProcessed(event.transferId, event.messageId);
}
"""
TYPESCRIPT_APP = {
    "manifest.yml": MANIFEST,
    "src/index.ts": TYPED,
    "src/notes/index.ts": "export const importNote = (event: any) => String(event.key);\n",
    "tsconfig.json": '{"compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"]}}}\n',
    "package.json": PACKAGE,
    "eslint.config.js": "import js from '@eslint/js';\nexport default [js];\n",
    "src/index.test.ts": "import { jest } from '@jest/globals';\njest.fn();\n",
    "src/__tests__/notes.js": "import chai from 'chai';\nchai.should();\n",
    "web/src/index.jsx": "import React from 'react';\nconsole.log(React);\n",
}

FORGE = {"manifest.yml": MANIFEST, "src/index.js": SOURCE, "package.json": PACKAGE}
PYTHON_APP = {"manifest.yml": MANIFEST, "index.py": PYTHON}
MOVED_APP = {"manifest.yml": MOVED}
REMOTE_APP = {"manifest.yml": REMOTE}
CONTAINER_APP = {"manifest.yml": CONTAINER, "ferryman.toml": SERVICES}
CONNECT = {"atlassian-connect.json": DESCRIPTOR}
PLANNED = {**CONNECT, "plan.toml": PLAN, "listener.py": LISTENER}
SOUND = {
    "forge": FORGE,
    "python": PYTHON_APP,
    "remote": REMOTE_APP,
    "container": CONTAINER_APP,
    "typescript": TYPESCRIPT_APP,
    "moved": MOVED_APP,
    "connect": CONNECT,
    "planned": PLANNED,
}

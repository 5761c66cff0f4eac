"""Mistakes as people make them, and where each is to be found."""

from dataclasses import dataclass
from pathlib import Path

from ferryman.devtools.doctor.check_app import check
from ferryman.devtools.doctor.finding import Finding
from tests.doctor.apps import (
    CONNECT,
    CONTAINER_APP,
    FORGE,
    MANIFEST,
    MOVED_APP,
    PLANNED,
    PYTHON,
    PYTHON_APP,
    REMOTE_APP,
    SOURCE,
    TYPESCRIPT_APP,
)


@dataclass(frozen=True)
class Mistake:
    """In ``file`` of a sound app, ``old`` became ``new``; found on the line that holds ``at``."""

    check: str
    app: dict[str, str]
    file: str
    old: str
    new: str
    at: str | None = None
    found_in: str | None = None
    says: str = ""
    severity: str = "error"


def _named(handler: str) -> dict[str, str]:
    """The sound app with its handler in another file."""
    return {handler if name == "src/index.js" else name: text for name, text in FORGE.items()}


M, S, P, D = "manifest.yml", "src/index.js", "index.py", "atlassian-connect.json"
UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
MISTAKES = [
    Mistake("yaml_invalid", FORGE, M, "  trigger:\n", "   trigger:\n", "   trigger:"),
    Mistake("yaml_invalid", FORGE, M, "  runtime:\n", "\truntime:\n", "\truntime:"),
    Mistake("modules_missing", FORGE, M, "modules:", "module:"),
    Mistake("yaml_name_repeated", FORGE, M, "  trigger:", "  function: []\n  trigger:", "[]"),
    Mistake(
        "migration_module",
        FORGE,
        M,
        "modules:\n",
        "modules:\n  migration:\n    - key: m\n",
        "migration:",
    ),
    Mistake(
        "event_unknown",
        FORGE,
        M,
        UPLOADED,
        "avi:ecosystem.migration:uploaded:appdata",
        "uploaded:appdata",
        says=UPLOADED,
    ),
    Mistake(
        "event_unknown",
        FORGE,
        M,
        "avi:ecosystem.migration:settled",
        "avi:ecosystem:migration:settled",
        "ecosystem:migration",
        says="settled:transfer",
    ),
    Mistake("event_unknown", REMOTE_APP, M, UPLOADED, "app-data-uploaded", "app-data-uploaded"),
    Mistake(
        "event_not_sent",
        FORGE,
        M,
        "settled:transfer",
        "uploaded:event_file_list",
        "event_file_list",
        severity="warning",
    ),
    Mistake(
        "events_missing",
        FORGE,
        M,
        f"        - {UPLOADED}\n        - avi:ecosystem.migration:settled:transfer\n",
        "",
        "on-migration",
    ),
    Mistake(
        "no_migration_events",
        FORGE,
        M,
        f"- {UPLOADED}\n        - avi:ecosystem.migration:settled:transfer",
        "- avi:jira:created:issue",
        "trigger:",
    ),
    Mistake(
        "manifest_events_unsent",
        FORGE,
        M,
        f"- {UPLOADED}\n        - avi:ecosystem.migration:settled:transfer",
        "- avi:ecosystem.migration:uploaded:sql",
        "uploaded:sql",
    ),
    Mistake(
        "uploads_not_heard",
        FORGE,
        M,
        f"        - {UPLOADED}\n",
        "",
        "on-migration",
        severity="warning",
    ),
    Mistake(
        "event_twice",
        FORGE,
        M,
        "        - avi:ecosystem.migration:settled:transfer\n",
        "    - key: again\n      function: migration-fn\n      events:\n"
        f"        - {UPLOADED} # again\n",
        "# again",
        severity="warning",
    ),
    Mistake("trigger_target", FORGE, M, "      function: migration-fn\n", "", "on-migration"),
    Mistake(
        "trigger_target",
        REMOTE_APP,
        M,
        "      endpoint: hook\n",
        "      endpoint: hook\n      function: run\n",
        "on-migration",
    ),
    Mistake(
        "function_unknown",
        FORGE,
        M,
        "function: migration-fn",
        "function: migrations-fn",
        "migrations-fn",
        says="'migration-fn'",
    ),
    Mistake(
        "endpoint_unknown",
        REMOTE_APP,
        M,
        "endpoint: hook",
        "endpoint: hooks",
        "hooks",
        says="'hook'",
    ),
    Mistake(
        "remote_unknown",
        REMOTE_APP,
        M,
        "remote: backend",
        "remote: back-end",
        "back-end",
        says="'backend'",
    ),
    Mistake("key_missing", FORGE, M, "- key: migration-fn\n      handler", "- handler", "handler"),
    Mistake(
        "key_repeated",
        FORGE,
        M,
        "  trigger:\n",
        "    - key: migration-fn # b\n      handler: index.run\n  trigger:\n",
        "# b",
    ),
    Mistake("handler_malformed", FORGE, M, "index.run", "index.js.run", "index.js.run"),
    Mistake("handler_malformed", FORGE, M, "      handler: index.run\n", "", "key: migration-fn"),
    Mistake("handler_file_missing", FORGE, M, "index.run", "main.run", "main.run"),
    Mistake("handler_file_missing", PYTHON_APP, M, "index.run", "main.run", "main.run"),
    Mistake(
        "handler_function_missing", FORGE, M, "index.run", "index.handler", says="run", found_in=S
    ),
    Mistake("handler_function_missing", PYTHON_APP, P, "def run", "def handle", found_in=P),
    Mistake(
        "handler_does_not_compile",
        FORGE,
        S,
        "console.log(",
        "console.log((",
        "inspect(event)",
        found_in=S,
    ),
    Mistake(
        "handler_syntax_error",
        PYTHON_APP,
        P,
        "def run(event, context):",
        "def run(event, context)",
        "def run",
        found_in=P,
    ),
    Mistake(
        "handler_file_ambiguous",
        FORGE,
        "index.py",
        "",
        PYTHON,
        "index.run",
        M,
        says="index.py, src/index.js",
    ),
    Mistake(
        "environment_not_lower_case",
        PLANNED,
        "plan.toml",
        "production",
        "PRODUCTION",
        "environment",
        says="'production'",
    ),
    Mistake(
        "environment_unknown",
        PLANNED,
        "plan.toml",
        '"production"',
        '"prodution"',
        "environment",
        says="'production'",
        severity="warning",
    ),
    Mistake(
        "environment_malformed", PLANNED, "plan.toml", '"production"', '"my env!"', "environment"
    ),
    Mistake(
        "cloud_key_mismatch",
        PLANNED,
        "plan.toml",
        "org.example.connect",
        "org.example.conect",
        "app =",
        says="line 2",
    ),
    Mistake(
        "server_key_mismatch", PLANNED, "listener.py", "example.server", "example.sever", "return"
    ),
    Mistake(
        "forge_app_id_mismatch",
        FORGE,
        "plan.toml",
        "",
        'forge-app-id = "ari:other"\n',
        "forge-app-id",
    ),
    *(
        Mistake(
            check, FORGE, M, "timeoutSeconds: 25", f"timeoutSeconds: {v}", v, severity="warning"
        )
        for check, v in (("timeout_too_long", "900"), ("timeout_malformed", "soon"))
    ),
    Mistake(
        "service_unknown",
        CONTAINER_APP,
        M,
        "service: importer",
        "service: imported",
        "imported",
        says="'importer'",
    ),
    Mistake(
        "manifest_endpoint_target",
        REMOTE_APP,
        M,
        "remote: backend\n      ",
        "remote: backend\n      service: backend\n      ",
        "service: backend",
    ),
    Mistake(
        "decorator_metadata",
        FORGE,
        "tsconfig.json",
        "",
        '{\n  // "emitDecoratorMetadata": true\n  "compilerOptions": {\n'
        '    "emitDecoratorMetadata" : true,\n  }\n}\n',
        '"emitDecoratorMetadata" : true',
        severity="warning",
    ),
    Mistake(
        "import_meta",
        FORGE,
        "src/place.js",
        "",
        "export const url = import.meta.url;\nexport const here = import.meta.dirname;\n",
        "import.meta.dirname",
        severity="warning",
    ),
    Mistake("two_definitions", FORGE, D, "", "{}", says="manifest.yml", severity="warning"),
    Mistake(
        "descriptor_invalid",
        CONNECT,
        D,
        "{",
        "{ // the app",
        "// the app",
    ),
    Mistake(
        "app_system_token_missing",
        REMOTE_APP,
        M,
        "      auth:\n        appSystemToken:\n          enabled: true\n",
        "",
        "key: hook",
    ),
    Mistake(
        "app_system_token_missing", REMOTE_APP, M, "enabled: true", "enabled: false", "enabled"
    ),
    Mistake(
        "scope_missing",
        REMOTE_APP,
        M,
        "read:app-system-token",
        "read:jira-work",
        "scopes",
        severity="warning",
    ),
    Mistake(
        "scope_missing",
        REMOTE_APP,
        M,
        "permissions:\n  scopes:\n    - read:app-system-token\n",
        "",
        "enabled",
        severity="warning",
    ),
    Mistake("remote_url", REMOTE_APP, M, "https://app.example.com", "app.example.com", "baseUrl"),
    Mistake("remote_url", REMOTE_APP, M, "    baseUrl: https://app.example.com\n", "", "backend"),
    Mistake(
        "remote_not_https",
        REMOTE_APP,
        M,
        "https://app",
        "http://app",
        "baseUrl",
        severity="warning",
    ),
    Mistake(
        "never_acknowledged",
        FORGE,
        S,
        "  await migration.messageProcessed(event.transferId, event.messageId);\n",
        "",
        UPLOADED,
        M,
    ),
    Mistake(
        "never_acknowledged",
        {**FORGE, "src/index.test.js": SOURCE, "src/__tests__/index.js": SOURCE},
        S,
        "  await migration.messageProcessed(event.transferId, event.messageId);\n",
        "",
        UPLOADED,
        M,
    ),
    Mistake(
        "never_acknowledged",
        PYTHON_APP,
        P,
        "Migration().message_processed(",
        "print(  # message_processed\n        ",
        UPLOADED,
        M,
    ),
    Mistake(
        "not_awaited",
        FORGE,
        S,
        "await migration.m",
        "migration.m",
        "migration.messageP",
        severity="warning",
    ),
    Mistake(
        "not_awaited",
        TYPESCRIPT_APP,
        "src/index.ts",
        "await platform.addLog",
        "platform.addLog",
        "platform.addLog",
        severity="warning",
    ),
    *(
        Mistake(
            "egress_not_permitted",
            FORGE,
            S,
            "await fetch('https://api.example.com/notes')",
            f"const BASE = 'https://evil.example.com';\n  await fetch({called})",
            "fetch(",
            says="evil.example.com",
            severity="warning",
        )
        for called in ("`${BASE}/notes`", "BASE + '/notes'", "BASE", "`${ BASE }`, {}")
    ),
    Mistake(
        "egress_not_permitted",
        FORGE,
        S,
        "https://api.example.com",
        "https://evil.example.com",
        "evil.",
        severity="warning",
    ),
    Mistake(
        "egress_not_permitted",
        FORGE,
        M,
        "api.example.com",
        "www.example.com",
        "fetch(",
        S,
        severity="warning",
    ),
    Mistake("module_missing", FORGE, S, "from 'util'", "from '@forge/kvs'", "@forge/kvs"),
    Mistake("module_missing", FORGE, S, "from 'util'", "from 'lodash/fp'", "lodash/fp"),
    Mistake("handler_does_not_compile", FORGE, S, "from 'util'", "from './helpers'", "./helpers"),
    Mistake("package_json_invalid", FORGE, "package.json", '"^2.1.2" }', '"^2.1.2"', "}"),
    Mistake(
        "handler_refused_at_deploy",
        _named("src/index.mjs"),
        M,
        "",
        MANIFEST,
        "index.run",
        says="src/index.js",
        severity="warning",
    ),
    Mistake(
        "handler_refused_at_deploy",
        _named("index.js"),
        M,
        "",
        MANIFEST,
        "index.run",
        says="src/index.js",
        severity="warning",
    ),
    Mistake(
        "handler_refused_at_deploy",
        _named("index.mjs"),
        M,
        "",
        MANIFEST,
        "index.run",
        says="src/index.js",
        severity="warning",
    ),
    Mistake(
        "dependency_not_declared",
        FORGE,
        "package.json",
        "@forge/migrations",
        "left-pad",
        "@forge/migrations",
        S,
        severity="warning",
    ),
    Mistake(
        "app_id_missing",
        FORGE,
        M,
        "  id: ari:cloud:ecosystem::app/0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11\n",
        "",
        severity="warning",
    ),
    Mistake(
        "app_id_malformed", FORGE, M, "ari:cloud:ecosystem::app/", "", "id:", severity="warning"
    ),
    Mistake(
        "runtime_unknown",
        FORGE,
        M,
        "nodejs22.x",
        "nodejs22",
        "nodejs22",
        says="'nodejs22.x'",
        severity="warning",
    ),
    Mistake(
        "runtime_deprecated",
        FORGE,
        M,
        "nodejs22.x",
        "nodejs20.x",
        "nodejs20.x",
        says="nodejs24.x",
        severity="warning",
    ),
    Mistake(
        "variable_name",
        FORGE,
        M,
        "permissions:",
        "environment:\n  variables:\n    - key: my-key\npermissions:",
        "my-key",
    ),
    Mistake("plan_invalid", PLANNED, "plan.toml", '"A plan"', "A plan", "name"),
    Mistake(
        "plan_invalid",
        PLANNED,
        "plan.toml",
        "environment",
        "enviroment",
        says="the nearest is 'environment'",
    ),
    Mistake(
        "plan_invalid",
        PLANNED,
        "plan.toml",
        "environment",
        'containers = ["Project:A"]\nenvironment',
        says="'Project:A'",
    ),
    Mistake("descriptor_malformed", MOVED_APP, M, "remote: backend", "remote: back", "back"),
    Mistake("descriptor_malformed", MOVED_APP, M, "baseUrl: https", "baseUrl: ftp", "connectM"),
    Mistake("descriptor_lifecycle", MOVED_APP, M, "installed: /", "enabled: /", "connectModules"),
    Mistake(
        "descriptor_webhook",
        MOVED_APP,
        M,
        "migrationWebhookPath",
        "webhookPath",
        "connectModules",
        severity="warning",
    ),
    Mistake("descriptor_invalid", CONNECT, D, '"jwt" },', '"jwt" ', "lifecycle"),
    Mistake("descriptor_key_missing", CONNECT, D, '  "key": "org.example.connect",\n', ""),
    Mistake(
        "descriptor_base_url",
        CONNECT,
        D,
        "https://connect.example.com",
        "{{localBaseUrl}}",
        "baseUrl",
    ),
    Mistake("descriptor_authentication", CONNECT, D, '"jwt"', '"none"', '"none"'),
    Mistake("descriptor_lifecycle", CONNECT, D, '"installed"', '"enabled"', "lifecycle"),
    Mistake(
        "descriptor_webhook",
        CONNECT,
        D,
        "migrationWebhookPath",
        "webhookPath",
        "modules",
        severity="warning",
    ),
]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def examined(folder: Path, files: dict[str, str]) -> list[Finding]:
    write(folder, files)
    return check(folder)

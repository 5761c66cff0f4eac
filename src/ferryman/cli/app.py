"""The ``ferryman`` command: every subcommand, by the noun it is about."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import typer

from ferryman.cli.command import command
from ferryman.cli.new_app import new_app

COMMANDS = {
    "demo": "ferryman.cli.demo:demo",
    "init": "ferryman.cli.init:init",
    "dev": "ferryman.cli.dev.command:dev",
    "migrate": "ferryman.cli.migrate.command:migrate",
    "trigger": "ferryman.cli.trigger:trigger",
    "record": "ferryman.cli.recording.record:record",
    "replay": "ferryman.cli.recording.replay:replay",
    "serve": "ferryman.cli.serve:serve",
    "worker": "ferryman.cli.serve:worker",
    "backup": "ferryman.cli.backup:backup",
    "restore": "ferryman.cli.backup:restore",
    "upgrade": "ferryman.cli.upgrade:upgrade",
    "doctor": "ferryman.cli.doctor:doctor",
    "test-handler": "ferryman.cli.faults.handler_test:run_handler",
    "faults": "ferryman.cli.faults.plans:faults",
    "plan": "ferryman.cli.migrate.plan:app",
    "products": "ferryman.cli.products:app",
    "agent": "ferryman.cli.agent:app",
    "app": "ferryman.cli.apps.group:app",
    "state": "ferryman.cli.apps.state:app",
    "queue": "ferryman.cli.apps.queue:app",
    "migration": "ferryman.cli.migration.link:app",
    "report": "ferryman.cli.report:app",
    "mapping": "ferryman.cli.migration.mapping:app",
    "transfer": "ferryman.cli.transfer.pause:app",
    "message": "ferryman.cli.transfer.message:app",
    "search": "ferryman.cli.overview:search",
    "overview": "ferryman.cli.overview:overview",
    "notice": "ferryman.cli.notice:app",
    "job": "ferryman.cli.job:app",
    "data": "ferryman.cli.data.group:app",
    "clock": "ferryman.cli.clock:app",
    "workers": "ferryman.cli.workers:app",
    "token": "ferryman.cli.access.token:app",
    "session": "ferryman.cli.access.session:app",
    "customer": "ferryman.cli.access.customer:app",
    "audit": "ferryman.cli.access.audit:app",
    "key": "ferryman.cli.access.key:app",
    "mcp": "ferryman.cli.mcp.command:serve_tools",
    "schema": "ferryman.cli.schema:schema",
    "version": "ferryman.cli.version:version",
    "constraints": "ferryman.cli.version:constraints",
}
"""Module of each command or group of commands, in the order of the help."""

_CLASSES = {"dev": "ferryman.cli.dev.beside:TakesCommand"}


def build(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands; only their modules are imported."""
    app = new_app()
    for name in names:
        commands = _imported(COMMANDS[name])
        if isinstance(commands, typer.Typer):
            app.add_typer(commands, name=name)
        else:
            cls = _CLASSES.get(name)
            command(app, name, cls=None if cls is None else _imported(cls))(commands)
    return app


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)

"""The ``ferryman`` command: every subcommand, by the noun it is about."""

import typer

from ferryman.cli import (
    agent,
    apps,
    clock,
    data,
    demo,
    dev,
    doctor,
    handler_test,
    mapping,
    message,
    migrate,
    migration,
    plan,
    record,
    replay,
    serve,
    storage,
    transfer,
    weather,
)

app = typer.Typer(
    name="ferryman",
    help="Carry an app's data from a self-hosted server into the cloud.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(dev.dev)
app.command()(migrate.migrate)
app.command()(record.record)
app.command()(replay.replay)
app.command()(serve.serve)
app.command()(serve.worker)
app.command()(doctor.doctor)
app.command("test-handler")(handler_test.run_handler)
app.command()(weather.weather)
app.add_typer(plan.app, name="plan")
app.add_typer(agent.app, name="agent")
app.add_typer(apps.app, name="app")
app.add_typer(migration.app, name="migration")
app.add_typer(mapping.app, name="mapping")
app.add_typer(transfer.app, name="transfer")
app.add_typer(message.app, name="message")
data.app.command("verify")(storage.verify)
data.app.command("sweep")(storage.sweep)
data.app.command("storage")(storage.show)
app.add_typer(data.app, name="data")
app.add_typer(clock.app, name="clock")

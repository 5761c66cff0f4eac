"""Run ``ferryman demo``: both apps and the platform as processes, from start to end."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ferryman.client.admin import AdminClient
from ferryman.devtools.console import reported_steps
from ferryman.devtools.demo import steps
from ferryman.devtools.processes import (
    Child,
    ChildEndedError,
    Children,
    function_settings,
    ready,
    without_sandbox,
)
from ferryman.sdk.errors import ClientError

FAILURES = (ChildEndedError, ClientError, steps.StepError)
# The app is notified only after the end; nothing else shows that it was.
LAST_EVENT_SECONDS = 60.0
POLL_SECONDS = 0.2
# How the platform answers while its database, or its store, is away.
_AWAY = 503
# It waits for its listener; but when we leave in the middle, the export is started again anyway.
AGENT_GRACE_SECONDS = 2.0


def run(
    folder: Path, console: Console, timeout: float, object_store: str | None = None
) -> dict[str, Any]:
    """Run the whole demo, and return its results."""
    began = time.monotonic()
    with Children(folder / "processes") as children:
        with reported_steps() as step:
            step("Starting the platform, and making a Trac project")
            platform = start_platform(children, folder, object_store)
            steps.make_project(folder)
            step("Waiting for the platform")
            url = ready(platform, children)
            notice = without_sandbox(AdminClient(url, ""))
            step("Planning the migration")
            plan = steps.DemoPlan(url, folder)
            state = plan.begin()
        for text, style in notice:
            console.print(text, style=style)
        start_agent(children, folder, url, state.server_token)
        watch(plan, state.transfer_id, children, console, timeout)
        received = wait_for_events(folder, plan.transfer(state.transfer_id).messages)
        view = plan.transfer(state.transfer_id)  # now with the attempts of the last events
    content = json.loads(steps.compared(folder))
    return {
        "status": view.status.value,
        "equal": not any(content["differing"].values()),
        **content,
        "files": view.files,
        "bytes": view.bytes,
        "events": view.messages,
        "received": received,
        "attempts": view.attempts,
        "seconds": round(time.monotonic() - began, 1),
        "transferId": view.transfer_id,
        "dir": str(folder),
    }


def start_platform(children: Children, folder: Path, object_store: str | None) -> Child:
    """Start the platform on a free port, with retries quick enough to watch."""
    return children.start(
        "serve",
        *("--data-dir", str(folder / "platform"), "--port", "0"),
        cwd=folder,
        env={
            **({"FERRYMAN_OBJECT_STORE": object_store} if object_store else {}),
            **function_settings(f"{steps.CLOUD_APP}={steps.noticeboard(folder).parent}"),
            "FERRYMAN_RETRY_BASE_SECONDS": "1",
            "FORGE_USER_VAR_NOTICEBOARD_DB": str(steps.noticeboard(folder)),
        },
    )


def start_agent(children: Children, folder: Path, url: str, token: str) -> None:
    """Start the agent of the server app; the token is not visible to other users."""
    children.start(
        "agent",
        *("run", "listener:Listener"),
        cwd=steps.examples() / "trac",
        env={
            "FERRYMAN_URL": url,
            "FERRYMAN_SERVER_TOKEN": token,
            "TRAC_ENV": str(folder / "trac"),
        },
        grace=AGENT_GRACE_SECONDS,
    )


def watch(
    plan: steps.DemoPlan, transfer_id: str, children: Children, console: Console, timeout: float
) -> None:
    """Show the progress of the transfer until it is settled."""
    limit = time.monotonic() + timeout
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("READY", total=100, counts="")
        while True:
            try:
                view = plan.transfer(transfer_id)
            except ClientError as refused:
                children.check()
                if refused.status != _AWAY or time.monotonic() > limit:
                    raise
                continue  # the platform starts its database again
            counts = (
                f"{view.files} files, {decimal(view.bytes)}, {view.messages} events, "
                f"{view.attempts} attempts, {view.acknowledged} acknowledged"
            )
            progress.update(
                bar, description=view.status.value, completed=view.progress, counts=counts
            )
            if view.status.final:
                return
            children.check()
            if time.monotonic() > limit:
                raise steps.StepError(f"The transfer was not settled within {timeout:.0f} s.")
            time.sleep(POLL_SECONDS)


def wait_for_events(folder: Path, events: int) -> int:
    """Wait for the last events, and return the number that the app has received."""
    limit = time.monotonic() + LAST_EVENT_SECONDS
    while True:
        with closing(sqlite3.connect(steps.noticeboard(folder), timeout=5)) as db:
            received: int = db.execute("SELECT count(*) FROM events").fetchone()[0]
        if received >= events or time.monotonic() > limit:
            return received
        time.sleep(POLL_SECONDS)

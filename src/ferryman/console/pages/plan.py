"""A migration from a plan in TOML: its faults by line, or a preview; then it is created."""

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import post
from litestar.datastructures import UploadFile
from litestar.response import Redirect, Template

from ferryman.console.pages.all_apps import all_apps, customers_of
from ferryman.console.pages.parameters import OwnVisit
from ferryman.console.visit import Visit
from ferryman.plan import Plan, PlanFault, line_of, read_text, request_of
from ferryman.wire.app import AppView
from ferryman.wire.clock import ClockView
from ferryman.wire.migration import MigrationRequest, MigrationView

_BYTES = 2 << 20
_ELSEWHERE = ("files", "mappings", "labels")
"""What `ferryman migrate` reads from the machine it runs on, and the platform doesn't."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A plan that was sent, and the migration that it describes unless it has faults."""

    text: str
    plan: Plan | None
    faults: list[PlanFault]
    request: MigrationRequest | None


@post("/migrations/plan", status_code=200, request_max_body_size=_BYTES)
async def preview_plan(visit: OwnVisit) -> Template:
    """Show what a plan would create, or what is wrong with it; nothing is created yet."""
    return await _shown(visit, await _read(visit))


@post("/migrations/plan/create", status_code=200, request_max_body_size=_BYTES)
async def create_from_plan(visit: OwnVisit) -> Template | Redirect:
    """Create the migration of a plan that was shown, and start it if that was asked for."""
    read = await _read(visit)
    if read.request is None:
        return await _shown(visit, read)  # an app has gone meanwhile
    customer, key = (str(visit.form.get(name, "")) or None for name in ("customer", "key"))
    request = msgspec.structs.replace(read.request, customer=customer, request_key=key)
    made = await visit.calls.post("/migrations", MigrationView, request)
    if visit.form.get("start"):
        await visit.calls.post(f"/migrations/{made.migration_id}/start", MigrationView)
    return visit.to(f"migrations/{made.migration_id}")


async def _shown(visit: Visit, read: _Read) -> Template:
    plan = read.plan
    clock = await visit.calls.get("/clock", ClockView)
    visit.require("create_migration")
    return await visit.page(
        "migration_plan.html",
        "migrations",
        clock=clock,
        read=read,
        lines=read.text.replace("\r\n", "\n").split("\n"),
        # As it came: what a page shows of it has hidden characters spelled out.
        exact=b64encode(read.text.encode()).decode(),
        customers=[] if read.request is None else await customers_of(visit),
        faulty={fault.line for fault in read.faults},
        elsewhere=[] if plan is None else [each for each in _ELSEWHERE if getattr(plan, each)],
    )


async def _read(visit: Visit) -> _Read:
    text, fault = await _text_of(visit.form)
    if fault is not None:
        return _Read(text, None, [fault], None)
    # Beside the others: one of the greatest length may take a second.
    plan, faults = await asyncio.to_thread(read_text, text)
    if plan is None:
        return _Read(text, None, faults, None)
    app = _app_of(plan, text, await all_apps(visit))
    if isinstance(app, PlanFault):
        return _Read(text, plan, [app], None)
    return _Read(text, plan, [], request_of(app, plan))


async def _text_of(form: Any) -> tuple[str, PlanFault | None]:
    sent = form.get("file")
    if isinstance(sent, UploadFile) and sent.filename:
        try:
            return (await sent.read()).decode("utf-8-sig"), None
        except UnicodeDecodeError as error:
            return "", PlanFault("", "a text in UTF-8", f"byte {error.start} is none")
    if exact := form.get("exact"):
        try:
            return b64decode(str(exact), validate=True).decode(), None
        except ValueError:
            return "", PlanFault("", "the plan of a page", "something else")
    return str(form.get("plan", "")).replace("\r\n", "\n"), None


def _app_of(plan: Plan, text: str, apps: list[AppView]) -> str | PlanFault:
    """Return the registered app that a plan is for, as ``key@environment``, or what is wrong."""
    found = [
        each
        for each in apps
        if plan.app in (None, each.cloud_app_key)
        and plan.server_app in (None, each.server_app_key)
        and plan.environment in (None, each.environment)
    ]
    if len(found) == 1:
        return f"{found[0].cloud_app_key}@{found[0].environment}"
    given = [field for field in ("app", "server-app", "environment") if line_of(text, field)]
    field = given[0] if given else "app"
    names = [f"{each.cloud_app_key}@{each.environment}" for each in found or apps]
    told = ", ".join(names[:10]) + (" and more" if len(names) > 10 else "")
    if found:
        return PlanFault(
            "environment" if plan.app else "app", "that of one app", told, line_of(text, field)
        )
    return PlanFault(
        field,
        f"that of a registered app, such as {told}" if apps else "that of a registered app",
        "none that is registered",
        line_of(text, field),
    )


PLAN_PAGES = [preview_plan, create_from_plan]

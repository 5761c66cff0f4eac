"""Show apps with their endpoints and tokens, and the actions of an operator on them."""

from typing import Any

import yaml
from litestar import get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from ferryman.archive_vocab import Archived
from ferryman.console.pages.parameters import Cursor, Id, OwnVisit
from ferryman.functions.yaml_reader import StrictLoader
from ferryman.vocab import AppKind
from ferryman.wire.app import AppCredentials, AppPage, AppRegistration, AppView, RemovedApp
from ferryman.wire.clock import ClockView
from ferryman.wire.transfer import TransferPage

_ACTIONS = {
    "retry": "retry",
    "suspend": "suspend",
    "resume": "resume",
    "revoke": "revoke-older-tokens",
    "install": "install",
    "uninstall": "uninstall",
}


@get("/apps")
async def apps_page(visit: OwnVisit, cursor: Cursor = "") -> Template:
    """List the registered apps with their failing endpoints."""
    apps = await visit.calls.get("/apps", AppPage, cursor=cursor)
    return await visit.page("apps.html", "apps", apps=apps)


@get("/apps/new")
async def new_app_page(visit: OwnVisit) -> Template:
    """Show the form that registers an app."""
    clock = await visit.calls.get("/clock", ClockView)
    visit.require("register_app")
    return await visit.page("app_new.html", "apps", clock=clock)


@post("/apps", status_code=200)
async def register_app(visit: OwnVisit) -> Template:
    """Register an app, and show its tokens once."""
    form = {name: str(value).strip() for name, value in visit.form.items()}
    document = _document(form.get("definition", ""))
    kind = AppKind.CONNECT if form.get("kind") == AppKind.CONNECT else AppKind.FORGE
    registration = AppRegistration(
        kind=kind,
        server_app_key=form.get("server", ""),
        cloud_app_key=form.get("cloud", ""),
        environment=form.get("environment") or "development",
        source=form.get("source") or None,
        manifest=document if kind is AppKind.FORGE else None,
        descriptor=document if kind is AppKind.CONNECT else None,
    )
    made = await visit.calls.post("/apps", AppCredentials, registration)
    return await visit.page("app_registered.html", "apps", made=made, registration=registration)


def _document(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found = yaml.load(text, StrictLoader)  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValidationException(detail=f"a manifest that cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ValidationException(detail="a manifest that is no mapping of names to values")
    return found


@get("/apps/{app_id:str}")
async def app_page(visit: OwnVisit, app_id: Id) -> Template:
    """Show an app: endpoints, events, installation, and its last transfers."""
    view = await visit.calls.get(f"/apps/{app_id}", AppView)
    name = f"{view.cloud_app_key}@{view.environment}"
    found = await visit.calls.get("/transfers", TransferPage, cloudAppKey=name, pageSize=10)
    archived = []
    if not found.items:
        archive = await visit.calls.get(
            "/transfers", TransferPage, cloudAppKey=name, archived=Archived.ONLY, pageSize=1
        )
        archived = archive.items
    return await visit.page("app.html", "apps", view=view, found=found, archived=archived)


@post("/apps/{app_id:str}/{action:str}", status_code=200)
async def act_on_app(visit: OwnVisit, app_id: Id, action: FromPath[str]) -> Redirect:
    """Do one of the actions on an app."""
    if action == "remove":
        await visit.calls.post(f"/apps/{app_id}/remove", RemovedApp)
        return visit.to("apps")
    if action not in _ACTIONS:
        raise NotFoundException
    await visit.calls.post(f"/apps/{app_id}/{_ACTIONS[action]}", dict)
    return visit.to(f"apps/{app_id}")


APP_PAGES = [apps_page, new_app_page, register_app, app_page, act_on_app]

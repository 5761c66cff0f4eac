"""Try an app on a virtual clock: send events, drop files to migrate them, see what it prints."""

from asyncio import gather
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from ferryman.console import trials
from ferryman.console.calls import CallRefused
from ferryman.console.pages.all_apps import all_apps, customers_of
from ferryman.console.pages.parameters import App, Customer, OwnVisit
from ferryman.console.part_sender import LARGEST_PART, BrowserParts
from ferryman.vocab import EventType
from ferryman.wire.attempt import AttemptPage
from ferryman.wire.transfer import TransferView
from ferryman.wire.trial import TrialEvent, TrialStep

OwnSender = NamedDependency[BrowserParts]
Sent = Annotated[str, QueryParameter(name="sent")]

_STEPS = {
    EventType.TRIGGERED: None,
    EventType.UPLOADED: None,
    EventType.EXPORTED: TrialStep.COMPLETE,
    EventType.ERRORED: TrialStep.FAIL,
    EventType.CANCELLATION: None,
}
"""The events that can be sent, and what the server app does for it."""
_ATTEMPTS = 20


@get("/try")
async def try_page(
    visit: OwnVisit, sender: OwnSender, *, app: App = "", customer: Customer = "", sent: Sent = ""
) -> Template:
    """Show the forms, and the output of the newest attempts."""
    apps, attempts = await gather(
        all_apps(visit), visit.calls.get("/attempts", AttemptPage, pageSize=_ATTEMPTS)
    )
    view = await visit.calls.get(f"/transfers/{sent}", TransferView) if sent else None
    names = sorted(f"{each.cloud_app_key}@{each.environment}" for each in apps)
    return await visit.page(
        "try.html",
        "try",
        apps=names,
        app=app,
        customers=await customers_of(visit) if visit.may("send_trial_event") else [],
        customer=customer,
        view=view,
        attempts=attempts.items,
        own_store=sender.own,
        events=[(each.value, each.value.rpartition("migration:")[2]) for each in _STEPS],
    )


@post("/try/event", status_code=200)
async def send_event(visit: OwnVisit, sender: OwnSender) -> Redirect:
    """Cause an event in the app's open trial, or in a new one."""
    form, calls = visit.form, visit.calls
    app, customer = _whose(form)
    try:
        event = EventType(str(form.get("event", "")))
        wanted = _STEPS[event]
    except (ValueError, KeyError):
        raise ValidationException(detail="an event that cannot be sent") from None
    label, body = str(form.get("label", "")), str(form.get("body", ""))
    running = (
        None if event is EventType.TRIGGERED else await trials.open_trial(calls, app, customer)
    )
    transfer_id = running or await trials.new_trial(calls, app, customer)
    if event is EventType.UPLOADED:
        await trials.send_file(calls, sender, transfer_id, label, body.encode())
    elif event is EventType.CANCELLATION:
        await calls.post(f"/transfers/{transfer_id}/cancel", TransferView)
    elif wanted is not None:
        event_of = TrialEvent(step=wanted, message=body or None)
        await trials.send(calls, transfer_id, event_of)
    asked = {"app": app, "customer": customer or "", "sent": transfer_id}
    return visit.to(f"try?{urlencode(asked)}")


@post("/try/files", status_code=200)
async def migrate_files(visit: OwnVisit, sender: OwnSender) -> Redirect:
    """Migrate files that a form has, for browsers without script: small ones."""
    form: Any = visit.form
    files = [each for each in form.getall("files", []) if isinstance(each, UploadFile)]
    files = [each for each in files if each.filename]
    if not files:
        raise ValidationException(detail="no file")
    calls = visit.calls
    transfer_id = await trials.new_trial(calls, *_whose(form))
    for file in files:
        await trials.send_file(calls, sender, transfer_id, file.filename, await file.read())
    await trials.send(calls, transfer_id, TrialEvent(step=TrialStep.COMPLETE))
    return visit.to(f"transfers/{transfer_id}")


@post("/try/step", status_code=200)
async def take_step(visit: OwnVisit) -> Response[Any]:
    """Do one step of a migration for the script of the page, which sends the bytes by itself."""
    form = visit.form
    name, transfer_id = str(form.get("step", "")), str(form.get("transfer", ""))
    try:
        answer: Any = None
        if name == "begin":
            answer = {"transferId": await trials.new_trial(visit.calls, *_whose(form))}
        elif name == "end":
            await trials.send(visit.calls, transfer_id, TrialEvent(step=TrialStep.COMPLETE))
        else:
            data = msgspec.json.decode(str(form.get("data", "{}")))
            answer = await trials.step(visit.calls, transfer_id, name, data)
    except CallRefused as refused:
        return _problem(refused)
    except (ValueError, KeyError, AttributeError, msgspec.MsgspecError) as fault:
        raise ValidationException(detail=str(fault)) from None
    return Response(answer, media_type="application/json")


@post("/try/part", status_code=200, request_max_body_size=LARGEST_PART + (1 << 20))
async def send_part(visit: OwnVisit, sender: OwnSender) -> Response[Any]:
    """Send one part to a store that the script of the page cannot send to."""
    form = visit.form
    transfer_id, upload = str(form.get("transfer", "")), str(form.get("upload", ""))
    number, file = str(form.get("number", "")), form.get("bytes")
    if (
        not isinstance(file, UploadFile)
        or not number.isascii()
        or not number.isdigit()
        or len(number) > 5
    ):
        raise ValidationException(detail="a part without its number or bytes")
    data = await file.read()
    try:
        part = await trials.send_part(visit.calls, sender, transfer_id, upload, int(number), data)
    except CallRefused as refused:
        return _problem(refused)
    return Response(msgspec.to_builtins(part), media_type="application/json")


def _whose(form: Any) -> tuple[str, str | None]:
    """Return the app that a form names, and the customer, if it names one."""
    return str(form.get("app", "")), str(form.get("customer", "")) or None


def _problem(refused: CallRefused) -> Response[Any]:
    problem = refused.problem
    return Response(problem, status_code=problem.status, media_type="application/problem+json")


TRIAL_PAGES = [try_page, send_event, migrate_files, take_step, send_part]

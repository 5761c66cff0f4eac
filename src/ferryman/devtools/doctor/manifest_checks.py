"""Checks of the manifest; each is a function from a snapshot to findings."""

import re
from collections.abc import Iterator

from ferryman.devtools.doctor.finding import Finding, did_you_mean, error, warning
from ferryman.devtools.doctor.location import Location, UnreadableDocument
from ferryman.devtools.doctor.snapshot import AppSnapshot, sent
from ferryman.errors import Invalid
from ferryman.functions.manifest import HANDLER, PRODUCT_EVENTS, UNSENT_EVENTS, check_events
from ferryman.vocab import EventType

_LONGEST_SECONDS = 25
_APP_ID = re.compile(r"ari:cloud:ecosystem::app/[0-9a-f-]{36}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def yaml_invalid(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the manifest is valid YAML."""
    if isinstance(seen.manifest, UnreadableDocument):
        yield error(
            "yaml_invalid",
            seen.manifest.where,
            f"The manifest cannot be read: {seen.manifest.reason}.",
            why="The manifest defines the app; nothing else can be checked without it.",
            fix="Correct the YAML at this line, or the one above it; indent by spaces, not tabs.",
        )


def not_a_manifest(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the manifest has modules."""
    if isinstance(seen.manifest, Location) and not seen.modules.is_mapping and not seen.on_connect:
        yield error(
            "modules_missing",
            seen.modules.where,
            "The manifest has no modules.",
            why="Events are routed by modules.trigger; without it the app receives no events.",
            fix="Add modules with a function and a trigger, as docs/how-to/run-a-forge-app.md "
            "shows.",
        )


def repeated_names(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that no name appears twice in one mapping."""
    for name, place in seen.root.repeated():
        yield error(
            "yaml_name_repeated",
            place.where,
            f"{name!r} appears twice in the same mapping.",
            why="Only the last one counts; the earlier ones are silently ignored.",
            fix="Merge the entries under one of them.",
        )


def migration_module(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that there is no ``migration`` module: it looks right but receives no events."""
    place = seen.modules.get("migration")
    if place.there:
        yield error(
            "migration_module",
            place.where,
            "The manifest has a migration module, which receives no events.",
            why="`forge lint` accepts it, but events are only routed to modules.trigger.",
            fix="Remove it, and list the events in modules.trigger[].events, with a function.",
        )


def unknown_events(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each event exists and is sent by Ferryman."""
    for trigger in seen.entries("modules", "trigger"):
        for event in trigger.get("events").items():
            known = event.text in set(EventType) or event.text.startswith(PRODUCT_EVENTS)
            if event.text in UNSENT_EVENTS:
                yield warning(
                    "event_not_sent",
                    event.where,
                    f"Ferryman never sends {event.text}.",
                    why="It belongs to an export method that Ferryman does not support, so the "
                    "code that handles it is never exercised.",
                    fix="Keep it if the app also works without this event.",
                )
            elif not known:
                yield error(
                    "event_unknown",
                    event.where,
                    f"There is no event {event.text or event.value!r}.",
                    why="An event with this name is never sent, so nothing would arrive.",
                    fix=did_you_mean(event.text, EventType, "event"),
                )


def events_missing(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each trigger has events, and that the app receives its uploads."""
    triggers = seen.entries("modules", "trigger")
    for trigger in triggers:
        if not trigger.get("events").items():
            yield error(
                "events_missing",
                trigger.where,
                f"The trigger {trigger.get('key').text!r} lists no events.",
                why="No event is ever routed to it.",
                fix=f"Add a list of events, such as - {EventType.UPLOADED}.",
            )
    if not seen.modules.is_mapping or seen.modules.get("migration").there or seen.on_connect:
        return
    events = [event for trigger in triggers for event in trigger.get("events").items()]
    try:
        check_events(event.text for event in events)
    except Invalid as refusal:
        yield error(
            refusal.code,
            next(event.where for event in events if event.text in UNSENT_EVENTS),
            f"Expected {refusal.expected}; found {refusal.found}.",
            why="Registration would be refused: the app would receive no events, and every "
            "transfer with a file would time out.",
            fix=refusal.fix,
        )
        return
    if not seen.migration_triggers():
        yield error(
            "no_migration_events",
            seen.modules.get("trigger").where,
            "No trigger lists a migration event.",
            why="The app would receive no events, and every transfer with a file would time out.",
            fix=f"Add a trigger for {EventType.UPLOADED}.",
        )
    elif not any("uploaded" in e.text for t in triggers for e in sent(t)):
        yield warning(
            "uploads_not_heard",
            seen.migration_triggers()[0].where,
            f"No trigger lists {EventType.UPLOADED}.",
            why="The app must acknowledge each uploaded file, or the transfer times out; without "
            "this event it never learns of them.",
            fix=f"Add {EventType.UPLOADED} to the events.",
        )


def events_twice(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that no two triggers list the same event."""
    first: dict[str, Location] = {}
    for trigger in seen.entries("modules", "trigger"):
        for event in trigger.get("events").items():
            if event.text in first and event.text in set(EventType):
                yield warning(
                    "event_twice",
                    event.where,
                    f"{event.text} is already listed on line {first[event.text].line}.",
                    why="Each trigger receives the event, so each file would be imported twice.",
                    fix="List it in one trigger only.",
                )
            first.setdefault(event.text, event)


def handlers_named(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each function has a well-formed handler."""
    for function in seen.entries("modules", "function"):
        handler = function.get("handler")
        if not HANDLER.fullmatch(handler.text):
            yield error(
                "handler_malformed",
                handler.where if handler.there else function.where,
                f"The handler of {function.get('key').text!r} is {handler.text!r}."
                if handler.there
                else f"The function {function.get('key').text!r} has no handler.",
                why="A handler is a file name without extension, a dot and an exported function.",
                fix="Write file.function, such as index.run for run in src/index.js.",
            )


def time_limits(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that no function asks for more time than the platform allows."""
    for function in seen.functions_used():
        seconds = function.get("timeoutSeconds")
        value = seconds.value
        if not seconds.there:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, int | float) or not number or not 0 < value <= _LONGEST_SECONDS:
            yield warning(
                "timeout_too_long" if number else "timeout_malformed",
                seconds.where,
                f"timeoutSeconds is {seconds.text or value!r}.",
                why=f"A call for a migration event is ended after {_LONGEST_SECONDS} seconds, "
                "whatever you set here; longer work is cut off, and the event is retried.",
                fix=f"Do less in one call, and set at most {_LONGEST_SECONDS}, or remove the line.",
            )


def app_id(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the manifest has an app id; Forge needs one, Ferryman does not."""
    place = seen.root.get("app", "id")
    if seen.root.is_mapping and not _APP_ID.fullmatch(place.text):
        yield warning(
            "app_id_malformed" if place.there else "app_id_missing",
            place.where,
            f"app.id is {place.text!r}." if place.there else "The manifest has no app.id.",
            why="Forge needs it to deploy the app, and remotes use it to verify tokens.",
            fix="Run `forge register`, or write ari:cloud:ecosystem::app/ and the app's UUID.",
        )


def variables(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each variable has a name that an environment can hold."""
    for variable in seen.entries("environment", "variables"):
        key = variable.get("key")
        if not _VARIABLE.fullmatch(key.text) or key.text.startswith("FERRYMAN_"):
            yield error(
                "variable_name",
                key.where if key.there else variable.where,
                f"{key.text!r} is not a valid name of a variable.",
                why="Registration would be refused, because no handler could read it.",
                fix="Use letters, digits and _; begin with a letter, and not with FERRYMAN_.",
            )


CHECKS = (
    yaml_invalid,
    not_a_manifest,
    repeated_names,
    migration_module,
    unknown_events,
    events_missing,
    events_twice,
    handlers_named,
    time_limits,
    app_id,
    variables,
)

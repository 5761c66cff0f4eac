"""What can be wrong in a manifest, each check one function from a snapshot to findings."""

import re
from collections.abc import Iterator

from ferryman.doctor.finding import Finding, did_you_mean, error, warning
from ferryman.doctor.place import Broken, Place
from ferryman.doctor.snapshot import Snapshot, sent
from ferryman.errors import Invalid
from ferryman.functions.manifest import HANDLER, PRODUCT_EVENTS, UNSENT_EVENTS, check_events
from ferryman.vocab import EventType

_LONGEST_SECONDS = 25
_APP_ID = re.compile(r"ari:cloud:ecosystem::app/[0-9a-f-]{36}")
_RUNTIMES = ("nodejs20.x", "nodejs22.x", "nodejs24.x", "python3")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def yaml_invalid(seen: Snapshot) -> Iterator[Finding]:
    """The file is no YAML."""
    if isinstance(seen.manifest, Broken):
        yield error(
            "yaml_invalid",
            seen.manifest.where,
            f"The manifest cannot be read: {seen.manifest.reason}.",
            why="Nothing of the app is known before its manifest can be read.",
            fix="Correct the YAML at this line, or the one above it; indent by spaces, not tabs.",
        )


def not_a_manifest(seen: Snapshot) -> Iterator[Finding]:
    """It is YAML, but says nothing of modules."""
    if isinstance(seen.manifest, Place) and not seen.modules.is_mapping and not seen.on_connect:
        yield error(
            "modules_missing",
            seen.modules.where,
            "The manifest has no modules.",
            why="Events are routed by modules.trigger; without it the app gets none.",
            fix="Add modules with a function and a trigger, as docs/how-to/run-a-forge-app.md "
            "shows.",
        )


def repeated_names(seen: Snapshot) -> Iterator[Finding]:
    """A name stands twice in one mapping."""
    for name, place in seen.root.repeated():
        yield error(
            "yaml_name_repeated",
            place.where,
            f"{name!r} stands twice in the same place.",
            why="Only the last of them counts; all above it is lost without a word.",
            fix="Put the entries of both under one of them.",
        )


def migration_module(seen: Snapshot) -> Iterator[Finding]:
    """The module that looks right and gets no events."""
    place = seen.modules.get("migration")
    if place.there:
        yield error(
            "migration_module",
            place.where,
            "Events are listened for in a migration: module.",
            why="Lint accepts it, and no event is ever routed to it.",
            fix="Remove it, and name the events in modules.trigger[].events with a function.",
        )


def unknown_events(seen: Snapshot) -> Iterator[Finding]:
    """An event that does not exist, or not here."""
    for trigger in seen.entries("modules", "trigger"):
        for event in trigger.get("events").items():
            known = event.text in set(EventType) or event.text.startswith(PRODUCT_EVENTS)
            if event.text in UNSENT_EVENTS:
                yield warning(
                    "event_not_sent",
                    event.where,
                    f"{event.text} is never sent here.",
                    why="It belongs to a way to export that Ferryman does not have; what the app "
                    "does for it is not tried.",
                    fix="Leave it, if the app does without it here.",
                )
            elif not known:
                yield error(
                    "event_unknown",
                    event.where,
                    f"There is no event {event.text or event.value!r}.",
                    why="An event of another name is never sent, so nothing would arrive here.",
                    fix=did_you_mean(event.text, EventType, "event"),
                )


def events_missing(seen: Snapshot) -> Iterator[Finding]:
    """Triggers without events, and an app that is not told of its files."""
    triggers = seen.entries("modules", "trigger")
    for trigger in triggers:
        if not trigger.get("events").items():
            yield error(
                "events_missing",
                trigger.where,
                f"The trigger {trigger.get('key').text!r} names no events.",
                why="Nothing is ever routed to it.",
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
            why="The app is refused at registration: it would not be told of anything, and every "
            "transfer with a file would time out.",
            fix=refusal.fix,
        )
        return
    if not seen.migration_triggers():
        yield error(
            "no_migration_events",
            seen.modules.get("trigger").where,
            "No trigger names an event of a migration.",
            why="The app would not be told of anything, and every transfer with a file times out.",
            fix=f"Add a trigger for {EventType.UPLOADED}.",
        )
    elif not any("uploaded" in e.text for t in triggers for e in sent(t)):
        yield warning(
            "uploads_not_heard",
            seen.migration_triggers()[0].where,
            f"No trigger names {EventType.UPLOADED}.",
            why="The app is not told of its files; each must be acknowledged, or the transfer "
            "times out.",
            fix=f"Add {EventType.UPLOADED} to the events.",
        )


def events_twice(seen: Snapshot) -> Iterator[Finding]:
    """An event that two triggers name."""
    first: dict[str, Place] = {}
    for trigger in seen.entries("modules", "trigger"):
        for event in trigger.get("events").items():
            if event.text in first and event.text in set(EventType):
                yield warning(
                    "event_twice",
                    event.where,
                    f"{event.text} is named on line {first[event.text].line} already.",
                    why="Each trigger gets the event, so each file would be imported twice.",
                    fix="Name it in one trigger only.",
                )
            first.setdefault(event.text, event)


def handlers_named(seen: Snapshot) -> Iterator[Finding]:
    """A function that names no handler, or in a form that means none."""
    for function in seen.entries("modules", "function"):
        handler = function.get("handler")
        if not HANDLER.fullmatch(handler.text):
            yield error(
                "handler_malformed",
                handler.where if handler.there else function.where,
                f"The handler of {function.get('key').text!r} is {handler.text!r}."
                if handler.there
                else f"The function {function.get('key').text!r} names no handler.",
                why="A handler is the file without its ending, a dot and the exported function.",
                fix="Write file.function, such as index.run for run in src/index.js.",
            )


def time_limits(seen: Snapshot) -> Iterator[Finding]:
    """More time than the platform gives."""
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
                why=f"A call for an event of a migration ends after {_LONGEST_SECONDS} seconds, "
                "whatever stands here; work that takes longer is cut off and begun again.",
                fix=f"Do less in one call, and write at most {_LONGEST_SECONDS}, or nothing.",
            )


def app_id(seen: Snapshot) -> Iterator[Finding]:
    """The id that Forge gives; Ferryman does without."""
    place = seen.root.get("app", "id")
    if seen.root.is_mapping and not _APP_ID.fullmatch(place.text):
        yield warning(
            "app_id_malformed" if place.there else "app_id_missing",
            place.where,
            f"app.id is {place.text!r}." if place.there else "The manifest has no app.id.",
            why="Forge deploys nothing without it, and a remote checks the tokens of events by it.",
            fix="Run `forge register`, or write ari:cloud:ecosystem::app/ and the app's UUID.",
        )


def runtime(seen: Snapshot) -> Iterator[Finding]:
    """A runtime that is not there any more, or never was."""
    name = seen.root.get("app", "runtime", "name")
    if name.there and name.text not in _RUNTIMES:
        yield warning(
            "runtime_unknown",
            name.where,
            f"The runtime is {name.text or name.value!r}.",
            why="Functions run on Node.js 20 or newer here; an older one lacks what they may use.",
            fix=did_you_mean(name.text, _RUNTIMES, "runtime"),
        )


def variables(seen: Snapshot) -> Iterator[Finding]:
    """Variables of names that no environment takes."""
    for variable in seen.entries("environment", "variables"):
        key = variable.get("key")
        if not _VARIABLE.fullmatch(key.text) or key.text.startswith("FERRYMAN_"):
            yield error(
                "variable_name",
                key.where if key.there else variable.where,
                f"A variable is called {key.text!r}.",
                why="The app would not be registered: a handler could never read it.",
                fix="Use letters, digits and _, beginning with a letter, not with FERRYMAN_.",
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
    runtime,
    variables,
)

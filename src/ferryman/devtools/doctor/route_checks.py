"""Checks of the names and addresses that decide where events go."""

import re
from collections.abc import Iterable, Iterator

from ferryman.devtools.doctor.finding import Finding, SourceLine, did_you_mean, error, warning
from ferryman.devtools.doctor.location import Location
from ferryman.devtools.doctor.snapshot import AppSnapshot
from ferryman.devtools.doctor.toml_lines import line_of
from ferryman.errors import ConfigError
from ferryman.functions.document import is_web_address
from ferryman.functions.manifest_services import check_declared
from ferryman.functions.overrides import FILE

_SCOPE = "read:app-system-token"
_NOWHERE = "The event has no target, so the app never receives it and the transfer times out."


def targets(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that functions, endpoints and remotes are only referred to by names that exist."""
    for trigger in seen.entries("modules", "trigger"):
        named = [name for name in ("function", "endpoint") if trigger.get(name).there]
        if len(named) != 1:
            yield error(
                "trigger_target",
                trigger.where,
                f"The trigger {trigger.get('key').text!r} names "
                + ("both a function and an endpoint." if named else "no function or endpoint."),
                why=_NOWHERE if not named else "A trigger can have only one target.",
                fix="Name exactly one of function and endpoint.",
            )
        for name in named:
            yield from _leads_on(seen, trigger.get(name), name, ("modules", name))
    for endpoint in seen.entries("modules", "endpoint"):
        remote, service = endpoint.get("remote"), endpoint.get("service")
        if remote.there and service.there:
            yield error(
                "manifest_endpoint_target",
                service.where,
                f"The endpoint {endpoint.get('key').text!r} names a remote and a service.",
                why="An endpoint can have only one target.",
                fix="Name exactly one of remote and service.",
            )
        elif service.there:
            yield from _leads_on(seen, service, "service", ("services",))
        else:
            yield from _leads_on(seen, remote, "remote", ("remotes",))


def services(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that ferryman.toml says how to run each service that gets events."""
    known = {entry.get("key").text for entry in seen.entries("services")}
    # If ferryman.toml cannot be read, that is what to correct first.
    for endpoint in seen.endpoints_used() if seen.overrides is None else ():
        service = endpoint.get("service")
        if service.text in known - seen.stand_ins.services.keys():
            yield error(
                "manifest_endpoint_service",
                service.where,
                f"ferryman.toml does not say how to run the container service {service.text!r}.",
                why="Ferryman runs no containers: it needs the program's command, or the address "
                "where it runs.",
                fix=f'Add to ferryman.toml: [services.{service.text}] command = "…"',
            )


def services_run(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the manifest has each service that ferryman.toml says how to run."""
    declared = [entry.get("key").text for entry in seen.entries("services")]
    for key in () if seen.on_connect or not seen.root.is_mapping else seen.stand_ins.services:
        try:
            check_declared([key], declared, FILE)
        except ConfigError as wrong:
            yield error(
                wrong.code,
                SourceLine(FILE, line_of(seen.overrides_text, f"services.{key}")),
                f"Expected {wrong.expected}; found {wrong.found}.",
                why="`ferryman dev` refuses the app: it would not know what the program is for.",
                fix=did_you_mean(key, declared, "service") if any(declared) else wrong.fix,
            )


def keys(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each entry has a key of its own."""
    for names in (("modules", "function"), ("modules", "trigger"), ("modules", "endpoint")):
        yield from _keys(seen.entries(*names), names[-1])
    yield from _keys(seen.entries("remotes"), "remote")
    yield from _keys(seen.entries("services"), "service")


def remotes(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each remote has an https address."""
    for remote in seen.entries("remotes"):
        base = remote.get("baseUrl")
        where = base.where if base.there else remote.where
        if not is_web_address(base.text):
            yield error(
                "remote_url",
                where,
                f"The baseUrl of the remote {remote.get('key').text!r} is "
                + (f"{base.text!r}." if base.there else "missing."),
                why="Events are posted to this address, followed by the endpoint's route.",
                fix="Write scheme and host, such as https://app.example.com, without a query or "
                "fragment.",
            )
        elif base.text.startswith("http:") and not _local(base.text):
            yield warning(
                "remote_not_https",
                where,
                f"The baseUrl {base.text!r} does not use https.",
                why="The token of each event would cross the network unencrypted; Forge refuses "
                "such an address.",
                fix="Use an https:// address for the deployed app.",
            )


def system_tokens(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each remote receives the token that it needs to call the platform."""
    for endpoint in seen.endpoints_used():
        enabled = endpoint.get("auth", "appSystemToken", "enabled")
        # A service calls through the proxy beside it, which adds the token.
        if enabled.value is not True and not endpoint.get("service").there:
            yield error(
                "app_system_token_missing",
                enabled.where if enabled.there else endpoint.where,
                f"The endpoint {endpoint.get('key').text!r} receives events without an app system "
                "token.",
                why="This token authorises the app's calls back to the platform; without it the "
                "app can read no file and acknowledge no message (forge-remote).",
                fix="Add auth: {appSystemToken: {enabled: true}} to the endpoint.",
            )


def scopes(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that an app that asks for the system token has the scope that Forge requires."""
    named = seen.root.get("permissions", "scopes")
    # Each may be a mapping of one name to its settings.
    given = [name for each in named.items() for name in (each.text, *dict(each.members()))]
    for endpoint in seen.endpoints_used():
        enabled = endpoint.get("auth", "appSystemToken", "enabled")
        if enabled.value is True and _SCOPE not in given:
            yield warning(
                "scope_missing",
                named.where if named.there else enabled.where,
                f"permissions.scopes does not list {_SCOPE}.",
                why="Ferryman does not need it, but without it Forge sends no app system token to "
                "a remote (remote-contract).",
                fix=f"Add - {_SCOPE} to permissions.scopes.",
            )
            return


def _keys(entries: Iterable[Location], noun: str) -> Iterator[Finding]:
    first: dict[str, Location] = {}
    for entry in entries:
        key = entry.get("key")
        if not key.text:
            yield error(
                "key_missing",
                key.where if key.there else entry.where,
                f"This {noun} has no key.",
                why="Other parts of the manifest refer to it by its key.",
                fix="Add a key made of letters, digits and -.",
            )
        elif key.text in first:
            yield error(
                "key_repeated",
                key.where,
                f"Another {noun} already has the key {key.text!r}, on line {first[key.text].line}.",
                why="References by this key would be ambiguous.",
                fix="Give each a different key.",
            )
        first.setdefault(key.text, entry)


def _leads_on(
    seen: AppSnapshot, name: Location, noun: str, entries: tuple[str, ...]
) -> Iterator[Finding]:
    known = [entry.get("key").text for entry in seen.entries(*entries)]
    if name.text not in known or not name.text:
        yield error(
            f"{noun}_unknown",
            name.where,
            f"There is no {noun} {name.text!r} in {'.'.join(entries)}.",
            why=_NOWHERE,
            fix=did_you_mean(name.text, known, noun),
        )


def _local(url: str) -> bool:
    return re.match(r"http://(localhost|127\.|\[::1\])", url) is not None


CHECKS = (targets, services, services_run, keys, remotes, system_tokens, scopes)

"""What can be wrong in the names and addresses by which a manifest says where events go."""

import re
from collections.abc import Iterable, Iterator

from ferryman.doctor.finding import Finding, did_you_mean, error, warning
from ferryman.doctor.place import Place
from ferryman.doctor.snapshot import Snapshot
from ferryman.functions.document import is_web_address

_SCOPE = "read:app-system-token"
_NOWHERE = "The event has nowhere to go, so the app never hears of it and the transfer times out."


def targets(seen: Snapshot) -> Iterator[Finding]:
    """Names that lead nowhere: of functions, endpoints and remotes."""
    for trigger in seen.entries("modules", "trigger"):
        named = [name for name in ("function", "endpoint") if trigger.get(name).there]
        if len(named) != 1:
            yield error(
                "trigger_target",
                trigger.where,
                f"The trigger {trigger.get('key').text!r} names "
                + ("both a function and an endpoint." if named else "no function or endpoint."),
                why=_NOWHERE if not named else "Which of them gets the events is not defined.",
                fix="Name exactly one of function and endpoint.",
            )
        for name in named:
            yield from _leads_on(seen, trigger.get(name), name, ("modules", name))
    for endpoint in seen.endpoints_used():
        if endpoint.get("service").there and not endpoint.get("remote").there:
            yield error(
                "manifest_endpoint_service",
                endpoint.get("service").where,
                f"The endpoint {endpoint.get('key').text!r} is of a container service.",
                why="Container services are not run here, and the app is refused at registration.",
                fix="Send the events of a migration to a function or to a remote.",
            )
    for endpoint in seen.entries("modules", "endpoint"):
        if endpoint.get("remote").there or not endpoint.get("service").there:
            yield from _leads_on(seen, endpoint.get("remote"), "remote", ("remotes",))


def keys(seen: Snapshot) -> Iterator[Finding]:
    """Entries without a key, or with one that another has."""
    for names in (("modules", "function"), ("modules", "trigger"), ("modules", "endpoint")):
        yield from _keys(seen.entries(*names), names[-1])
    yield from _keys(seen.entries("remotes"), "remote")


def remotes(seen: Snapshot) -> Iterator[Finding]:
    """Addresses that nothing can be posted to."""
    for remote in seen.entries("remotes"):
        base = remote.get("baseUrl")
        where = base.where if base.there else remote.where
        if not is_web_address(base.text):
            yield error(
                "remote_url",
                where,
                f"The baseUrl of the remote {remote.get('key').text!r} is "
                + (f"{base.text!r}." if base.there else "missing."),
                why="Events are posted to this address and the endpoint's route.",
                fix="Write scheme and host, such as https://app.example.com, and neither a query "
                "nor a fragment.",
            )
        elif base.text.startswith("http:") and not _local(base.text):
            yield warning(
                "remote_not_https",
                where,
                f"The baseUrl {base.text!r} is not https.",
                why="The token of each event would cross the network for anyone to read; Forge "
                "refuses such an address.",
                fix="Write https:// where the app is deployed.",
            )


def system_tokens(seen: Snapshot) -> Iterator[Finding]:
    """Remotes that could not call back."""
    for endpoint in seen.endpoints_used():
        enabled = endpoint.get("auth", "appSystemToken", "enabled")
        if enabled.value is not True:
            yield error(
                "app_system_token_missing",
                enabled.where if enabled.there else endpoint.where,
                f"The endpoint {endpoint.get('key').text!r} gets events without an app system "
                "token.",
                why="The token that comes with an event is what its call-backs are authorised by; "
                "without it no file can be read and nothing acknowledged (forge-remote).",
                fix="Add auth: {appSystemToken: {enabled: true}} to the endpoint.",
            )


def scopes(seen: Snapshot) -> Iterator[Finding]:
    """A system token that is asked for, and that Forge would not give."""
    named = seen.root.get("permissions", "scopes")
    # Each may be a mapping of one name to its settings.
    given = [name for each in named.items() for name in (each.text, *dict(each.members()))]
    for endpoint in seen.endpoints_used():
        enabled = endpoint.get("auth", "appSystemToken", "enabled")
        if enabled.value is True and _SCOPE not in given:
            yield warning(
                "scope_missing",
                named.where if named.there else enabled.where,
                f"permissions.scopes does not name {_SCOPE}.",
                why="It works here; Forge sends no app system token to a remote without it "
                "(remote-contract).",
                fix=f"Add - {_SCOPE} to permissions.scopes.",
            )
            return


def _keys(entries: Iterable[Place], noun: str) -> Iterator[Finding]:
    first: dict[str, Place] = {}
    for entry in entries:
        key = entry.get("key")
        if not key.text:
            yield error(
                "key_missing",
                key.where if key.there else entry.where,
                f"This {noun} has no key.",
                why="Other parts of the manifest name it by its key.",
                fix="Add a key of letters, digits and -.",
            )
        elif key.text in first:
            yield error(
                "key_repeated",
                key.where,
                f"Two entries of {noun} have the key {key.text!r}; the first is on line "
                f"{first[key.text].line}.",
                why="A name must lead to one thing.",
                fix="Give each a key of its own.",
            )
        first.setdefault(key.text, entry)


def _leads_on(
    seen: Snapshot, name: Place, noun: str, entries: tuple[str, ...]
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


CHECKS = (targets, keys, remotes, system_tokens, scopes)

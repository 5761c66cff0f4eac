"""Refused definitions of apps: Forge manifests, Connect descriptors and ferryman.toml."""

from ferryman.errors import ConfigError, Invalid
from ferryman.refusals.row import Refusal

UNREADABLE = Refusal(
    "manifest_unreadable",
    ConfigError,
    expected="a manifest in {file}",
    found="{found}",
    fix="Name the folder that holds manifest.yml, or the file itself.",
)
MALFORMED = Refusal(
    "manifest_malformed",
    Invalid,
    expected="{path} to be {expected}",
    found="{found}",
    fix="Correct the manifest and register the app again.",
)
DESCRIPTOR_MALFORMED = Refusal(
    "descriptor_malformed",
    Invalid,
    expected="{path} to be {expected}",
    found="{found}",
    fix="Correct the descriptor and register the app again.",
)
DESCRIPTOR_KEY_MISMATCH = Refusal(
    "descriptor_key_mismatch",
    Invalid,
    expected="a descriptor with the key {key}, the cloudAppKey",
    found="one with the key {found}",
    fix="Register the app under the key in its descriptor.",
)
OVERRIDES_MALFORMED = Refusal(
    "overrides_malformed",
    Invalid,
    expected="{path} to be {expected}",
    found="{found}",
    fix="Correct {file}.",
)
ALIAS_FILE_MISSING = Refusal(
    "alias_file_missing",
    Invalid,
    expected="the file that {overrides} names for {module:.64}",
    found="no file at {file}",
    fix="Name an existing file, relative to the folder that holds the manifest.",
)

MIGRATION_MODULE = Refusal(
    "manifest_migration_module",
    Invalid,
    expected="migration events in modules.trigger",
    found="a migration: module, which lint accepts but no event is ever routed to",
    fix="Remove it, and name the events in modules.trigger[].events with a function.",
)
EVENTS_UNSENT = Refusal(
    "manifest_events_unsent",
    Invalid,
    expected="a trigger for an event that Ferryman sends, such as {example}",
    found="only events of other kinds of export, which Ferryman does not have: {events}",
    fix="Add {example} to a trigger if the app takes exported files as well. An app that "
    "only uses managed exports or Forge storage cannot run here.",
)
DUPLICATE_KEY = Refusal(
    "manifest_duplicate_key",
    Invalid,
    expected="every key in {path} once",
    found="{key} again in {again}",
    fix="Give each entry its own key.",
)
HANDLER_MALFORMED = Refusal(
    "manifest_handler_malformed",
    Invalid,
    expected="{path} as file.function, such as index.run",
    found="{found}",
    fix="Name a file in the source folder without its extension, a dot and the function.",
)
REMOTE_URL = Refusal(
    "manifest_remote_url",
    Invalid,
    expected="{path} as a whole http(s) address, such as https://example.com",
    found="{found}",
    fix="Write scheme and host, without a query or a fragment.",
)
TRIGGER_TARGET = Refusal(
    "manifest_trigger_target",
    Invalid,
    expected="either a function or an endpoint in {path}",
    found="{found}",
    fix="Name the one that should get the events.",
)
ENDPOINT_SERVICE = Refusal(
    "manifest_endpoint_service",
    Invalid,
    expected="the address of the container service that {path} leads to",
    found="none for the service of {found}",
    fix="Add [services.KEY] with a command or an address to ferryman.toml, and let `ferryman dev` "
    "register the app; or add address to services[] of what you register.",
)
ENDPOINT_TARGET = Refusal(
    "manifest_endpoint_target",
    Invalid,
    expected="either a remote or a service in {path}",
    found="both",
    fix="Name the one that should get the events.",
)
NO_EVENTS = Refusal(
    "manifest_no_events",
    Invalid,
    expected="at least one event in {path}",
    found="none, so nothing would ever be routed here",
    fix="Add an event, such as {example}.",
)
UNKNOWN = {
    noun: Refusal(
        f"manifest_unknown_{noun}",
        Invalid,
        expected=f"a known {noun} in {{path}} ({{declared}})",
        found="{found}",
        fix=f"Name an existing {noun}.",
    )
    for noun in ("endpoint", "event", "function", "remote", "service")
}
UNKNOWN_BUT_NEAR = {
    noun: Refusal(row.code, Invalid, row.expected, row.found, fix="Did you mean {near!r}?")
    for noun, row in UNKNOWN.items()
}

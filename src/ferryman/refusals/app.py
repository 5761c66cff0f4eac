"""Refused calls on apps: their registration, environments, installation and endpoints."""

from ferryman.errors import Conflict, Invalid, LimitExceeded, NotAllowed, NotFound, OutsideError
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("app", "Take the key or the id from `ferryman app list`.")
INSTALL_KEY_NOT_FOUND = not_found("install key")

KEY_INVALID = {
    field: Refusal(
        f"{field}_invalid",
        Invalid,
        expected=f"{noun} of visible characters and blanks, not empty and without @",
        found="{text!r}",
        fix="Give it as it stands in the app's own definition.",
    )
    for field, noun in (
        ("server_app_key", "a server app key"),
        ("cloud_app_key", "a cloud app key"),
        ("environment", "an environment"),
    )
}
AMBIGUOUS = Refusal(
    "app_ambiguous",
    Conflict,
    expected="one app for {name!r}",
    found="environments {environments}",
    fix="Name the environment, such as {example}.",
)
ENVIRONMENT_UNKNOWN = Refusal(
    "environment_unknown",
    NotFound,
    expected="{key} in one of its environments: {known:.200}",
    found="{environment!r:.80}",
    fix="Name one of those, such as {example}, or register the app in that environment.",
)
ENVIRONMENT_UNKNOWN_BUT_NEAR = Refusal(
    "environment_unknown",
    NotFound,
    expected="{key} in one of its environments: {known:.200}",
    found="{environment!r:.80}",
    fix="Did you mean {near}?",
)
ENVIRONMENT_NOT_LOWER_CASE = Refusal(
    "environment_not_lower_case",
    Invalid,
    expected="an environment in lower-case letters, digits, - and _, such as production",
    found="{found}",
    fix="Write {lower!r}.",
)
ENVIRONMENT_MALFORMED = Refusal(
    "environment_malformed",
    Invalid,
    expected="an environment in lower-case letters, digits, - and _, such as production",
    found="{found}",
    fix="Write development, staging or production.",
)
WINDOW_INVALID = Refusal(
    "window_invalid",
    Invalid,
    expected="windowSeconds from 1 to {longest}",
    found="{seconds}",
    fix="Correct it, or leave it out for the default of 15 minutes.",
)
SOURCE_MISSING = Refusal(
    "source_missing",
    Invalid,
    expected="source: the absolute path of the folder that holds the functions",
    found="{source!r}",
    fix="Add it; the workers load the functions from there.",
)

OWNER_LIMITED = Refusal(
    "app_owner_limited",
    NotAllowed,
    expected="an app registered in this environment, with {fields} as an admin registered them",
    found="{found}",
    fix="Ask an admin to make this change; you can change the rest of the app yourself.",
)

SUSPENDED = Refusal(
    "app_suspended",
    NotAllowed,
    expected="an app that may take part",
    found="the app {app}, which an admin of the platform has suspended",
    fix="Ask the platform's admin why; nothing is lost, and it continues when it is resumed.",
)
HAS_TRANSFERS = Refusal(
    "app_has_transfers",
    Conflict,
    expected="only settled transfers of {app}",
    found="{live} that have not settled",
    fix="Cancel its transfers, and remove the app once they have settled. If it does harm, "
    "suspend it now.",
)

NOT_CONNECT = Refusal(
    "app_not_connect",
    Conflict,
    expected="a Connect app, the only kind that is installed",
    found="the {kind} app {app}",
    fix="If it is a Connect app, register it with kind connect and its descriptor.",
)
INSTALLED_PATH_MISSING = Refusal(
    "installed_path_missing",
    Invalid,
    expected="a descriptor with lifecycle.installed, where the secret is sent",
    found="none in the descriptor of {app}",
    fix="Register the app with one, or use the sharedSecret you got when you registered it.",
)
INSTALLATION_IN_PROGRESS = Refusal(
    "installation_in_progress",
    Conflict,
    expected="no other lifecycle call to {app} in progress",
    found="one that has not ended yet",
    fix="Check the app (`ferryman app show`), and try again if you still need to.",
)
INSTALL_REFUSED = Refusal(
    "install_refused",
    OutsideError,
    expected="a 2xx answer from {url}",
    found="{found:.500}",
    fix="Fix the app or its baseUrl, then install it again; nothing was changed.",
    status=502,
)
INSTALL_UNANSWERED = Refusal(
    "install_unanswered",
    OutsideError,
    expected="a 2xx answer from {url}",
    found="{found:.500}",
    fix="Install it again; the same secret is sent. Until then calls signed with that secret are "
    "accepted, since the app may have stored it.",
    status=504,
)

TOO_MANY_WEBHOOKS = Refusal(
    "too_many_webhooks",
    LimitExceeded,
    expected="at most {limit} endpoints",
    found="{count}",
    fix="Register fewer; each call replaces all earlier endpoints.",
)
ENDPOINT_INVALID = Refusal(
    "endpoint_invalid",
    Invalid,
    expected="an absolute http or https URL in ASCII, without credentials",
    found="{endpoint!r:.202}",
    fix="Write the whole address, such as https://app.example/migration.",
)

"""Refused credentials: tokens, signed requests, scopes and the rate of calls."""

from ferryman.errors import Invalid, NotAllowed, NotAuthenticated, RateLimited
from ferryman.refusals.row import Refusal

TOKEN_MISSING = Refusal(
    "token_missing",
    NotAuthenticated,
    expected="`Authorization: Bearer TOKEN`",
    found="{found}",
    fix="Send the token of this API: serverToken, cloudToken or the operator token.",
)
TOKEN_INVALID = Refusal(
    "token_invalid",
    NotAuthenticated,
    expected="a valid {audience} token in `Authorization: Bearer …`",
    found="a token that is unknown, expired or for another API",
    fix="Use the {audience}Token you got when you registered the app.",
)
OPERATOR_TOKEN_INVALID = Refusal(
    "operator_token_invalid",
    NotAuthenticated,
    expected="an access token, or the operator token, in `Authorization: Bearer …`",
    found="a token that is unknown, expired, revoked or for another API",
    fix="Ask an admin for a token (`ferryman token create`). On the platform's machine, the file "
    "operator-token in the data folder has one.",
)
NOT_FOR_FUNCTIONS = Refusal(
    "not_for_functions",
    NotAllowed,
    expected="a path of the cloud app's API, or of a signed URL",
    found="{path}",
    fix="A function in a sandbox reaches no other part of the platform; call it from elsewhere.",
)
ROLE_INSUFFICIENT = Refusal(
    "role_insufficient",
    NotAllowed,
    expected="a token with one of the roles {roles}",
    found="the role {role}",
    fix="Ask an admin to do it, or to give you a token with such a role.",
)
CONSOLE_READ_ONLY = Refusal(
    "console_read_only",
    NotAllowed,
    expected="a page that only shows something",
    found="one that changes something, in a console that is read-only",
    fix="Use the command line, or have the operator unset FERRYMAN_CONSOLE_READ_ONLY.",
)
TOKEN_LIMITED = Refusal(
    "token_limited",
    NotAllowed,
    expected="a token that is valid for all customers, since this concerns the whole platform",
    found="a token for {customers}",
    fix="Ask somebody whose token is valid for all customers.",
)
SYSTEM_TOKEN_INVALID = Refusal(
    "system_token_invalid",
    NotAuthenticated,
    expected="an unexpired app system token signed by this platform",
    found="{found}",
    fix="Use the token from the latest event; each event brings a new one.",
)
JWT_MISSING = Refusal(
    "jwt_missing",
    NotAuthenticated,
    expected="`Authorization: JWT TOKEN`",
    found="{found}",
    fix="Sign each request with the sharedSecret you got when you registered the app.",
)
JWT_INVALID = Refusal(
    "jwt_invalid",
    NotAuthenticated,
    expected="a token signed HS256 with the app's shared secret, with iss, iat, exp and qsh",
    found="{found}",
    fix="Set iss to the app's key and sign with the sharedSecret from the latest installation, "
    "or from registering the app.",
)
JWT_EXPIRED = Refusal(
    "jwt_expired",
    NotAuthenticated,
    expected="a token that has not expired",
    found="one that expired {seconds} s ago",
    fix="Sign a new token for each request, and check the clock of the machine that signs.",
)
JWT_QSH_MISMATCH = Refusal(
    "jwt_qsh_mismatch",
    NotAuthenticated,
    expected="the qsh of this request: method, path without /wiki, and sorted query",
    found="the qsh of another request",
    fix="Sign a token for each request, over METHOD&path&query; see docs/reference/http.md.",
)
CONNECT_APPS_ONLY = Refusal(
    "connect_apps_only",
    NotAllowed,
    expected="a Connect app: this resource is only for Connect apps",
    found="the {kind} app {app}",
    fix="Call the Forge surface, at /app/migration/forge/v1.",
)
SERVER_APP_KEY_MISMATCH = Refusal(
    "server_app_key_mismatch",
    NotAllowed,
    expected="serverAppKeys with {key!r}, the app of this token",
    found="{found}",
    fix="Claim with the key the app was registered under, or use the other app's token.",
)
SCOPE_UNKNOWN = Refusal(
    "access_scope_unknown",
    Invalid,
    expected="scopes out of {known}",
    found="{found:.200}",
    fix="Correct the spelling, or leave accessScopes out to allow all of them.",
)
SCOPE_NOT_REGISTERED = Refusal(
    "access_scope_not_registered",
    NotAllowed,
    expected="scopes from the app's registration: {registered}",
    found="{found}",
    fix="Remove them from the listener's get_data_access_scopes(), or register the app "
    "again with them in accessScopes.",
)
_ADD_SCOPE = (
    "Add it to the listener's get_data_access_scopes(). If the listener declares no scopes, "
    "register the app again with it in accessScopes."
)
SCOPE_MISSING_FOR_MAPPINGS = Refusal(
    "access_scope_missing",
    NotAllowed,
    expected="the scope {scope}, for mappings of {namespace!r:.82}",
    found="{found}",
    fix=_ADD_SCOPE,
)
SCOPE_MISSING_FOR_APP_DATA = Refusal(
    "access_scope_missing",
    NotAllowed,
    expected="one of the scopes {known}, for app data",
    found="{found}",
    fix=_ADD_SCOPE,
)
TOO_MANY_FAILURES = Refusal(
    "too_many_failures",
    RateLimited,
    expected="a token of this platform, after many wrong ones from {address}",
    found="another one",
    fix="Wait the number of seconds in Retry-After, and send the right token.",
)
LOG_RATE_LIMITED = Refusal(
    "log_rate_limited",
    RateLimited,
    expected="at most {per_second:g} bytes of log a second from one app, and {burst} at once",
    found="more than that",
    fix="Wait the number of seconds in Retry-After, and log less.",
)
RATE_LIMITED = Refusal(
    "rate_limited",
    RateLimited,
    expected="at most {per_second:g} calls a second from one app, and {burst} at once",
    found="more calls than that",
    fix="Wait the number of seconds in Retry-After. Ask for more in one call where a call takes "
    "a list or a page size.",
)

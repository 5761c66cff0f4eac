"""Refused container services of apps in `ferryman dev`, and calls through the proxy beside them."""

from ferryman.errors import (
    ConfigError,
    Expired,
    Invalid,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OutsideError,
)
from ferryman.refusals.row import Refusal

_FORM = (
    "`forge-proxy-authorization: Forge as=app,id=ID`, ID being the event's x-forge-invocation-id"
)

UNKNOWN = Refusal(
    "service_unknown",
    ConfigError,
    expected="a key of the manifest's services in {file} ({declared})",
    found="[services.{key:.40}]",
    fix="Correct the key, or remove the table.",
)
PORT_TAKEN = Refusal(
    "service_port_taken",
    ConfigError,
    expected="port {port} of this machine free for the service {key}",
    found="another program that listens there",
    fix="End that program, or set another tunnel.port in the manifest or port in ferryman.toml. If "
    "it is the service itself, give its address instead of a command.",
)
NOT_STARTED = Refusal(
    "service_not_started",
    ConfigError,
    expected="a program that starts by `{command}`, the command of the service {key}",
    found="{found}",
    fix="Correct [services.{key}] command in ferryman.toml; it is run in the app's folder.",
)
ENDED = Refusal(
    "service_ended",
    ConfigError,
    expected="the service {key} to run on, started by `{command}`",
    found="its end with {status}; its last lines:{lines}",
    fix="Correct the service, then save a file of the app or start `ferryman dev` again.",
)
NOT_LISTENING = Refusal(
    "service_not_listening",
    ConfigError,
    expected="{sign} at {address} within {seconds} s of the start of the service {key} by {how}",
    found="{found}; its last lines:{lines}",
    fix="Let the service listen on that port, as the variable PORT says, or set port and "
    "start-seconds in ferryman.toml.",
)
EVENT_MALFORMED = Refusal(
    "service_event_malformed",
    Invalid,
    expected="a POST by the platform, with an invocation id of its own",
    found="{found}",
    fix="Let the platform send it: `ferryman trigger` sends one event.",
)
NOT_ANSWERING = Refusal(
    "service_not_answering",
    OutsideError,
    expected="an answer of the service {key} to this event",
    found="{found}; its last lines:{lines}",
    fix="See what the service has printed.",
    status=502,
)
AUTHORIZATION_MISSING = Refusal(
    "service_authorization_missing",
    NotAuthenticated,
    expected=_FORM,
    found="no such header",
    fix="Send it with each call through FORGE_EGRESS_PROXY_URL.",
)
AUTHORIZATION_MALFORMED = Refusal(
    "service_authorization_malformed",
    NotAuthenticated,
    expected=_FORM,
    found="{found}",
    fix="Write the scheme, a space and the two parameters with a comma between them.",
)
AUTHORIZATION_UNSUPPORTED = Refusal(
    "service_authorization_unsupported",
    NotAllowed,
    expected=_FORM,
    found="{found}",
    fix="Call as the app, under an event that it got: there are no users here, and no call without "
    "an event.",
)
INVOCATION_UNKNOWN = Refusal(
    "service_invocation_unknown",
    NotAuthenticated,
    expected="the x-forge-invocation-id of an event that this service got since it was started",
    found="an id that no event had",
    fix="Take the id from the event that you work on, and use the proxy of the same service.",
)
INVOCATION_OVER = Refusal(
    "service_invocation_over",
    Expired,
    expected="a call while the event was worked on, for {minutes} min from its arrival at most",
    found="an invocation that is over: {found}",
    fix="Call under the id of a later event. One that failed comes again with a new id.",
)
BODY_TOO_LARGE = Refusal(
    "service_body_too_large",
    Invalid,
    expected="a body of at most {most} MiB",
    found="a longer one",
    fix="Send less at once; send files to their signed URLs, which lead past this proxy.",
    status=413,
)
PATH_UNKNOWN = Refusal(
    "service_path_unknown",
    NotFound,
    expected="a path below {known}",
    found="{path!r:.200}",
    fix="Only calls of the platform and of products go through this proxy; call others directly.",
)
PRODUCT_MISSING = Refusal(
    "service_product_missing",
    NotFound,
    expected="fixtures or an address of {product} in ferryman.toml",
    found="neither",
    fix='Add [products.{product}] with fixtures = "{product}/" to ferryman.toml.',
)
FIXTURE_MISSING = Refusal(
    "service_fixture_missing",
    NotFound,
    expected="a fixture for {method} {path:.500}",
    found="none in {folder}",
    fix="Add the file {fixture}, with the body that it should have.",
)
UPSTREAM_AWAY = Refusal(
    "service_upstream_away",
    OutsideError,
    expected="an answer from {address}",
    found="{found}",
    fix="Call again if that does no harm: the first call may have taken effect.",
    status=502,
)

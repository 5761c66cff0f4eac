"""Refused calls of an app's queues."""

from ferryman.errors import Invalid, LimitExceeded, NotAllowed, NotFound, RateLimited
from ferryman.refusals.row import Refusal

UNKNOWN = Refusal(
    "queue_unknown",
    Invalid,
    expected="a queue that a consumer in the app's manifest names ({declared})",
    found="{queue:.64}",
    fix="Add a consumer module for the queue and register the app again, or correct the name.",
)
CONSUMER_ENDPOINT = Refusal(
    "queue_consumer_endpoint",
    Invalid,
    expected="a consumer with a function, or with an endpoint that has an address",
    found="the endpoint {endpoint!r:.64} of the consumer of {queue:.64}, which has none",
    fix="Add the endpoint to the manifest, or give its service an address, and register again.",
)
JOB_NOT_FOUND = Refusal(
    "queue_job_not_found",
    NotFound,
    expected="the id of a job that was pushed to this queue",
    found="{job:.64}",
    fix="Use the jobId that push returned; jobs are forgotten some days after they ended.",
)
NO_EVENTS = Refusal(
    "queue_no_events",
    Invalid,
    expected="1 to {limit} events in a push",
    found="none",
    fix="Leave the push out if there is nothing to do.",
)
TOO_MANY_EVENTS = Refusal(
    "queue_too_many_events",
    LimitExceeded,
    expected="at most {limit} events in a push",
    found="{count}",
    fix="Make several pushes.",
)
TOO_LARGE = Refusal(
    "queue_payload_too_large",
    LimitExceeded,
    expected="events of at most {limit} bytes of JSON in a push",
    found="{size}",
    fix="Make several pushes, or keep the data elsewhere and push its key.",
    status=413,
)
EVENT_TOO_LARGE = Refusal(
    "queue_event_too_large",
    LimitExceeded,
    expected="an event of at most {limit} bytes of JSON, as its consumer may take {seconds:g} s",
    found="{size}",
    fix="Keep the data elsewhere and push its key.",
    status=413,
)
DELAY_INVALID = Refusal(
    "queue_delay_invalid",
    Invalid,
    expected="a delay of 0 to {limit} seconds",
    found="{delay}",
    fix="Correct delayInSeconds.",
)
CONCURRENCY_INVALID = Refusal(
    "queue_concurrency_invalid",
    Invalid,
    expected="a concurrency limit of at least 1",
    found="{limit}",
    fix="Correct concurrency.limit.",
)
CHAIN_TOO_LONG = Refusal(
    "queue_chain_too_long",
    LimitExceeded,
    expected="at most {limit} pushes in a chain, each made by the consumer of the one before",
    found="one more",
    fix="End the chain: the consumer probably pushes to itself without end.",
    status=405,
)
RATE_LIMITED = Refusal(
    "queue_rate_limited",
    RateLimited,
    expected="at most {burst} events of an app at once, and {per_second:.2f} per second after that",
    found="more",
    fix="Wait, or push fewer events.",
)
REQUEST_INVALID = Refusal(
    "queue_request_invalid",
    Invalid,
    expected="a body as @forge/events sends it",
    found="{found:.200}",
    fix="Use a version of the package that is tested: see the page on queues.",
)
INSTALLATION_MISSING = Refusal(
    "queue_installation_missing",
    NotAllowed,
    expected="the token that came with an event, which says for which site the app runs",
    found="the app's long-lived token, which is for all sites",
    fix="Make the call in a function that an event calls.",
)

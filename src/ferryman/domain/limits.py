"""The numbers of the platform, each with the page it comes from (docs/reference/sources.md)."""

from datetime import timedelta

ACKNOWLEDGEMENT_WINDOW = timedelta(minutes=15)
"""forge-events, Processing events."""

TRANSFER_LIFE = timedelta(days=14)
"""From the first notification (export-app-data)."""

DATA_LIFE = timedelta(days=12)
"""App data can be read this long after the first notification (export-app-data)."""

RERUN_WINDOW = timedelta(days=12)
"""From the original attempt (rerun)."""

SIGNED_URL_LIFE = timedelta(hours=1)
"""export-app-data, Limits."""

CANCEL_CLEAN_UP = timedelta(minutes=60)
"""cancellation."""

MIN_RETRY_AFTER = timedelta(seconds=1)
MAX_RETRY_AFTER = timedelta(seconds=900)
"""Between these a function may choose when it is called again (Forge's InvocationError)."""

MAX_ATTEMPTS = 5
"""One and four retries (forge-events, Processing events)."""

SETTLED_ATTEMPTS = 100
"""At telling a Connect app that its transfer settled, about a day's worth; ours."""

LONGEST_BACKOFF = timedelta(minutes=15)
"""Between two attempts, before jitter; ours."""

APP_WINDOW = 32
"""Messages of one app in flight at a time in each worker, so that none holds up others; ours."""

BREAKER_WEIGHT = 20
"""Failures in a row after which an endpoint is left alone for a while; ours."""

BREAKER_HUNG_WEIGHT = 4
"""As many failures as one call that was not answered in time counts for; ours."""

BREAKER_PAUSE = timedelta(seconds=5)
"""For how long at first; it doubles with each time in a row; ours."""

BREAKER_LONGEST_PAUSE = timedelta(minutes=1)
"""Ours; short beside the window for acknowledging, which goes on."""

CLAIM_CONFIRMATION = timedelta(seconds=10)
"""Within this time the agent that got a claim has to make a call, or it is offered again; ours."""

CLAIM_SILENCE = timedelta(minutes=2)
"""After so long without a call or heartbeat a confirmed claim is offered again; ours."""

FUNCTION_SECONDS = 25.0
"""function-limits."""

REMOTE_SECONDS = 5.0
"""remote-contract."""

LOG_CHARACTERS = 65_536
"""forge-rest."""

PROGRESS_CHARACTERS = 65_536
"""Of the message that comes with a Connect app's progress; longer ones are cut (connect-rest)."""

WEBHOOKS = 5
"""Addresses an app may register (connect-rest)."""

RECENT_TRANSFERS = 100
"""connect-rest."""

LABEL_CHARACTERS = 1_024
"""Ours; the documents give none."""

TRANSFER_DEFINITIONS = 100
"""Transfers that a listener may split its app's part into; ours."""

MAPPING_PAGE = 1_200
"""Default and greatest page of mappings (mapping-page-size)."""

IDENTITY_MAPPING_LIFE = timedelta(days=14)
"""Users and groups (mapping-life)."""

PRODUCT_MAPPING_LIFE = timedelta(days=730)
"""Two years (mapping-life)."""

MAPPING_NAMESPACES = 10_000
"""Namespaces in one load, so that memory stays bounded; ours."""

CONTAINER_PAGE = 250
"""connect-rest."""

DATA_PAGE = 1_000
"""forge-rest."""

FIND_KEYS = 100
"""Keys in one look-up (vendor-practice)."""

MESSAGE_IDS = 1_000
"""Messages acknowledged by one call; ours, the documents give none."""

ADMIN_PAGE = 1_000
"""Greatest page of the admin surface."""

"""The platform's limits, each with the page it comes from (docs/reference/sources.md)."""

from datetime import timedelta

from ferryman import stored_text

ACKNOWLEDGEMENT_WINDOW = timedelta(minutes=15)
"""How long an app has to acknowledge a message (forge-events, Processing events)."""

TRANSFER_LIFE = timedelta(days=14)
"""How long a transfer may live after the first notification (export-app-data)."""

DATA_LIFE = timedelta(days=12)
"""How long app data can be read after the first notification (export-app-data)."""

LONGEST_EXTENSION = timedelta(days=30)
"""How far from now an operator may put off the end of a transfer at a time (ADR 101)."""

RERUN_WINDOW = timedelta(days=12)
"""How long after the original attempt a re-run may start (rerun)."""

SIGNED_URL_LIFE = timedelta(hours=1)
"""How long a signed URL is valid (export-app-data, Limits)."""

CHECK_BYTES = 8 << 20
"""The largest part of a trial of an agent's network."""

CANCEL_CLEAN_UP = timedelta(minutes=60)
"""How long an app may clean up after a cancellation (cancellation)."""

MIN_RETRY_AFTER = timedelta(seconds=1)
MAX_RETRY_AFTER = timedelta(seconds=900)
"""The range within which a function may choose its retry delay (Forge's InvocationError)."""
MAX_RETRY_DATA_BYTES = 4096
"""Size of the JSON that a function passes to its next call (forge-runtime, retryData)."""

MAX_ATTEMPTS = 5
"""One attempt and four retries (forge-events, Processing events)."""

SETTLED_ATTEMPTS = 100
"""Attempts to notify a Connect app that its transfer settled, about a day's worth; ours."""

LONGEST_BACKOFF = timedelta(minutes=15)
"""Maximum delay between two attempts, before jitter; ours."""

APP_WINDOW = 32
"""Messages of one app in flight in each worker, so that no app holds up the others; ours."""

BREAKER_WEIGHT = 20
"""Consecutive failures that open an endpoint's circuit breaker; ours."""

BREAKER_HUNG_WEIGHT = 4
"""The number of failures that one timeout counts as; ours."""

BREAKER_PAUSE = timedelta(seconds=5)
"""How long the breaker stays open at first; doubles every time in a row; ours."""

BREAKER_LONGEST_PAUSE = timedelta(minutes=1)
"""Ours. Short compared to the acknowledgement window, which keeps running."""

CLAIM_CONFIRMATION = timedelta(seconds=10)
"""An agent must make a call within this time after its claim, or it is offered again; ours."""

CLAIM_SILENCE = timedelta(minutes=2)
"""A confirmed claim is offered again after this time without a call or heartbeat; ours."""

FUNCTION_SECONDS = 25.0
"""Time limit of one function call (function-limits)."""

REMOTE_SECONDS = 5.0
"""Time limit of one request to a remote (remote-contract)."""

LOG_CHARACTERS = 65_536
"""Length of one log message (forge-rest)."""

PROGRESS_CHARACTERS = 65_536
"""For the message of a Connect app's progress report; longer ones are cut (connect-rest)."""

WEBHOOKS = 5
"""Webhooks an app may register (connect-rest)."""

RECENT_TRANSFERS = 100
"""Transfers in the list of recent ones (connect-rest)."""

LABEL_CHARACTERS = stored_text.LABEL_CHARACTERS
"""Length of a file's label; ours, undocumented."""

FILES_AT_ONCE = 500
"""Files begun, or completed, by one call; ours, undocumented."""

KEY_CHARACTERS = 2_048
"""Length of a mapping's key; ours, undocumented."""

NAMESPACE_BYTES = 255
"""Size of a mapping's namespace in UTF-8; ours, undocumented."""

TRANSFER_DEFINITIONS = 100
"""Transfers a listener may split its app's part into; ours."""

MAPPING_PAGE = 1_200
"""Default and maximum page size for mappings (mapping-page-size)."""

IDENTITY_MAPPING_LIFE = timedelta(days=14)
"""For mappings of users and groups (mapping-life)."""

PRODUCT_MAPPING_LIFE = timedelta(days=730)
"""Two years, for all other mappings (mapping-life)."""

MAPPING_NAMESPACES = 10_000
"""Namespaces in one load, to bound memory; ours."""

CONTAINER_PAGE = 250
"""Maximum page size for containers (connect-rest)."""

DATA_PAGE = 1_000
"""Maximum page size for app data (forge-rest)."""

FIND_KEYS = 100
"""Keys in one look-up (vendor-practice)."""

MESSAGE_IDS = 1_000
"""Messages acknowledged by one call; ours, undocumented."""

JOB_ITEMS = 100_000
"""Messages or transfers that one job may hit."""

ADMIN_PAGE = 1_000
"""Maximum page size of the admin surface."""

BODY_CHARACTERS = 65_536
"""How much of an event's body is shown at most."""

KVS_KEY_CHARACTERS = 500
"""Length of a key in an app's key-value store (kvs-limits)."""

KVS_VALUE_BYTES = 240 << 10
"""Size of a value's JSON in UTF-8 (kvs-limits)."""

KVS_DEPTH = 31
"""Levels of objects and arrays in a value (kvs-limits)."""

KVS_PAGE = 10
KVS_GREATEST_PAGE = 100
"""Default and greatest page of a query (kvs-limits)."""

KVS_KEYS_AT_ONCE = 25
"""Keys of one batch, and operations of one transaction (kvs-limits)."""

KVS_BYTES_AT_ONCE = 4 << 20
"""Size of one batch or transaction (kvs-limits)."""

KVS_LIFE = timedelta(days=365)
"""The longest lifetime that a value can be given (kvs-limits)."""

KVS_ENTITIES = 20
KVS_ATTRIBUTES = 50
KVS_INDEXES = 7
"""Entities of an app; attributes and indexes of an entity (kvs-limits)."""

KVS_ENTITY_NAME = (3, 60)
KVS_INDEX_NAME = (3, 50)
KVS_ATTRIBUTE_NAME = (1, 64)
"""The least and most characters of these names (kvs-limits)."""

KVS_RANGE_BYTES = 900
KVS_PARTITION_BYTES = 1_700
"""Size in an index of a range attribute, and of all partition attributes (kvs-limits)."""

KVS_CONDITIONS = 100
"""Conditions of one query (kvs-limits)."""

STATE_ENTRIES = 1_000
"""Values loaded by one call; ours."""

SQL_QUERY_BYTES = 1 << 20
"""Size of a statement, and of its parameters, for an app's SQL database (sql-limits)."""

SQL_ANSWER_BYTES = 4 << 20
"""Size of the rows that a statement returns (sql-limits)."""

SQL_TABLES = 200
"""Tables of an app on a site (sql-limits)."""

SQL_READ_SECONDS = 5.0
SQL_WRITE_SECONDS = 10.0
"""How long a statement may take, one that reads and any other (sql-limits)."""

SQL_DEFINITIONS_PER_MINUTE = 25
"""Calls that define tables, of an app (sql-limits)."""

OBJECT_BYTES = 1 << 30
"""Size of an object that an app keeps (object-store-api)."""

OBJECT_REQUEST_BYTES = 1 << 10
"""Size of a call that asks for an object, or for a URL of it (object-store-api)."""

OBJECTS_AT_ONCE = 8
"""Objects of an app that come to a process at once, while others wait for their turn; ours."""

NOTICE_SINKS = 50
"""Places where notices are told; ours."""

NOTICE_SECONDS = 15.0
"""Time limit of telling a sink once; ours."""

NOTICE_PATIENCE = timedelta(days=1)
"""How long a sink that fails is tried again; ours."""

NOTICE_CHARACTERS = 1_000
"""Length of what was found, as a notice tells it; ours."""

QUEUE_EVENTS = 50
"""Events of one push (queue-limits)."""

QUEUE_BYTES = 200 << 10
"""Size of the events of one push, as JSON in UTF-8 (queue-limits)."""

QUEUE_LONG_EVENT_BYTES = 100 << 10
"""Size of an event for a consumer that may take longer than ``CONSUMER_SECONDS`` (queue-limits)."""

QUEUE_DELAY_SECONDS = 900
"""The longest delay that a push can ask for (queue-limits)."""

QUEUE_CHAIN = 1_000
"""Pushes in a chain, each made by a consumer of the one before (queue-limits)."""

QUEUE_EVENTS_PER_MINUTE = 500
"""Events that an app may push in a minute (queue-limits)."""

QUEUE_WINDOW = timedelta(hours=24)
"""How long after its push an event is retried (queues)."""

QUEUE_EVENT_LIFE = timedelta(days=14)
"""How long an event is shown after it ended, and counted in its job; ours."""

CONSUMER_SECONDS = 55.0
"""Time limit of a consumer whose function sets none (function-limits)."""

LONGEST_CONSUMER_SECONDS = 900
"""The longest time limit that a consumer's function can set (function-limits)."""

QUEUE_NAME_CHARACTERS = 36
"""Length of a queue's name (forge-manifest)."""

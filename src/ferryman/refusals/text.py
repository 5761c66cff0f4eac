"""Refused texts: longer than their limit, or with characters that nothing can store.

The code begins with the name of the field, so there is a row for each field.
"""

from ferryman.errors import Invalid, LimitExceeded
from ferryman.refusals.row import Refusal

FIELDS = (
    "agent_id",
    "cloud_app_key",
    "cloud_key",
    "cloud_url",
    "container",
    "cursor",
    "descriptor",
    "detail",
    "details",
    "endpoint",
    "environment",
    "exception_type",
    "forge_app_id",
    "frame",
    "key",
    "kind",
    "label",
    "manifest",
    "mapping",
    "message",
    "name",
    "namespace",
    "note",
    "prefix",
    "resumeKey",
    "server_app_key",
    "server_app_version",
    "source",
    "source_id",
    "stack_trace",
    "text",
    "transfer_name",
)

TOO_LONG = {
    field: Refusal(
        f"{field}_too_long",
        LimitExceeded,
        expected="at most {longest} characters in the {field}",
        found="{length} characters",
        fix="Shorten the {field}.",
    )
    for field in FIELDS
}
INVALID = {
    field: Refusal(
        f"{field}_invalid",
        Invalid,
        expected="Unicode characters in the {field}",
        found="a NUL character or half of a surrogate pair",
        fix="Remove that character from the {field}.",
    )
    for field in FIELDS
}

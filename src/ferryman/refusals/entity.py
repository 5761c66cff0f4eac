"""Refused calls of custom entities, and refused definitions of them.

An app's package is told the code in capitals, without ``kvs_``: the words that it knows from Forge.
"""

from ferryman.errors import Conflict, Invalid, LimitExceeded
from ferryman.refusals.row import Refusal

NAME_UNKNOWN = Refusal(
    "kvs_invalid_entity_name",
    Invalid,
    expected="an entity of app.storage.entities in the manifest ({known:.200})",
    found="another name",
    fix="Declare the entity in manifest.yml; ferryman dev registers the app again.",
)
INDEX_UNKNOWN = Refusal(
    "kvs_invalid_entity_index",
    Invalid,
    expected="an index of the entity {entity} ({known:.200})",
    found="another name",
    fix="Declare the index in manifest.yml; ferryman dev registers the app again.",
)
PARTITION_INVALID = Refusal(
    "kvs_invalid_entity_index",
    Invalid,
    expected="a value for each partition attribute of the index {index} ({names:.200})",
    found="{count} values",
    fix="Give them in that order: index(name, {{ partition: […] }}).",
)
ATTRIBUTE_UNKNOWN = Refusal(
    "kvs_invalid_entity_attribute",
    Invalid,
    expected="an attribute of the entity {entity} ({known:.200})",
    found="another name",
    fix="Declare the attribute in manifest.yml, or leave it out.",
)
VALUE_NO_OBJECT = Refusal(
    "kvs_invalid_entity_value",
    Invalid,
    expected="an object with attributes of the entity {entity}",
    found="another value",
    fix="Store an object, or use kvs.set for values without an entity.",
)
VALUE_MISTYPED = Refusal(
    "kvs_invalid_entity_value",
    Invalid,
    expected="{name} to be {type}, as the manifest says",
    found="{found}",
    fix="Correct the value, or the type in manifest.yml.",
)
INDEXED_TOO_LARGE = Refusal(
    "kvs_entity_index_max_size",
    LimitExceeded,
    expected="at most {range} bytes in a range attribute and {partition} in partition attributes",
    found="more, in the index {index}",
    fix="Shorten the attribute, for example to a digest of it.",
)
KEY_EMPTY = Refusal(
    "kvs_empty_key",
    Invalid,
    expected="a key of 1 to {longest} characters",
    found="an empty one",
    fix="Give a key that is not empty.",
)
LIMIT_INVALID = Refusal(
    "kvs_complex_query_page_limit_not_in_range",
    Invalid,
    expected="a limit of 1 to {greatest}",
    found="{asked}",
    fix="Correct the limit of the query; without one it is {default}.",
)
FILTER_EMPTY = Refusal(
    "kvs_empty_filter_operator",
    Invalid,
    expected="conditions under either and or or",
    found="none, or both",
    fix="Add a condition to the filter, or leave the filter out.",
)
VALUES_INSUFFICIENT = Refusal(
    "kvs_insufficient_filter_values",
    Invalid,
    expected="{needed} value(s) for {comparison}",
    found="{count}",
    fix="Make conditions with WhereConditions and FilterConditions of the package.",
)
TOO_MANY_CONDITIONS = Refusal(
    "kvs_too_many_conditions",
    LimitExceeded,
    expected="at most {limit} conditions in a query",
    found="{count}",
    fix="Use an index in place of conditions, or make several queries.",
)
RANGE_INVALID = Refusal(
    "kvs_invalid_range",
    Invalid,
    expected="a condition of WhereConditions, which an index can answer",
    found="{found}",
    fix="Use it as a filter instead.",
)
CONDITION_FAILED = Refusal(
    "kvs_conditional_check_failed",
    Conflict,
    expected="the conditions of the transaction to hold",
    found="one that does not; nothing was changed",
    fix="Read the values again, and decide by them.",
)

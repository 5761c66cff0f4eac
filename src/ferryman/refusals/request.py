"""Refused requests: what the HTTP layer answers before any use case runs."""

from ferryman.errors import Invalid, LimitExceeded, OutsideError, RateLimited
from ferryman.refusals.row import Refusal

INVALID = Refusal(
    "request_invalid",
    Invalid,
    expected="a body and parameters of the documented form",
    found="{found:.500}",
    fix="Correct the part named here; see /docs for the form.",
)
PATH_NOT_FOUND = Refusal(
    "path_not_found",
    Invalid,
    expected="a path of this API",
    found="{found:.500}",
    fix="Check the base path; see /docs for all paths.",
    status=404,
)
METHOD_NOT_ALLOWED = Refusal(
    "method_not_allowed",
    Invalid,
    expected="a method that this path supports",
    found="{found:.500}",
    fix="See /docs for the methods of each path.",
    status=405,
)
LENGTH_REQUIRED = Refusal(
    "length_required",
    Invalid,
    expected="Content-Length: {size}",
    found="no Content-Length",
    fix="Send the part in one body of known length, without chunked encoding.",
    status=411,
)
BODY_STALLED = Refusal(
    "body_stalled",
    Invalid,
    expected="the next bytes of the body within {seconds:g} seconds",
    found="none",
    fix="Send the request again; check what slows the connection down.",
    status=408,
)
DISCONNECTED = Refusal(
    "client_disconnected",
    Invalid,
    expected="the whole body",
    found="the end of the connection",
    fix="Send the request again.",
)
TOO_MANY_READERS = Refusal(
    "too_many_readers",
    RateLimited,
    expected="at most {limit} readers of an app's files at a time",
    found="as many already",
    fix="Let some of them finish, and end those that stopped reading.",
)
TOO_MANY_BODIES = Refusal(
    "too_many_bodies",
    RateLimited,
    expected="at most {limit} bodies of one part on their way at a time",
    found="as many already",
    fix="Send the part once; end the requests that stopped sending.",
)
BODY_TOO_LARGE = Refusal(
    "body_too_large",
    Invalid,
    expected="a smaller body",
    found="{found:.500}",
    fix="Send less at once; send files to signed URLs.",
    status=413,
)
MEDIA_TYPE_UNSUPPORTED = Refusal(
    "media_type_unsupported",
    Invalid,
    expected="Content-Type: application/json",
    found="{found:.500}",
    fix="Send the body as JSON with that header.",
    status=415,
)
RANGE_NOT_SATISFIABLE = Refusal(
    "range_not_satisfiable",
    Invalid,
    expected="a range within the {size} bytes of the file",
    found="{header!r}",
    fix="Read the size from Content-Range and ask for bytes within it.",
    status=416,
)
PARAMETER_UNKNOWN = Refusal(
    "parameter_unknown",
    Invalid,
    expected="query parameters out of {known}",
    found="{parameter!r}",
    fix="Remove it; see /docs for the call.",
)
PARAMETER_UNKNOWN_BUT_NEAR = Refusal(
    "parameter_unknown",
    Invalid,
    expected="query parameters out of {known}",
    found="{parameter!r}",
    fix="Did you mean {near}?",
)
QUERY_INVALID = Refusal(
    "query_invalid",
    Invalid,
    expected="percent-encoded UTF-8, and each parameter once",
    found="{found}",
    fix="Encode each value separately, and send each parameter once.",
)
INTEGER_TOO_LARGE = Refusal(
    "integer_too_large",
    Invalid,
    expected="signed integers of at most 64 bits",
    found="{digits:.40}",
    fix="Send it as a string if it is an id.",
)
MEMBER_REPEATED = Refusal(
    "member_repeated",
    Invalid,
    expected="each name once in a JSON object",
    found="{name!r} more than once",
    fix="Keep one of them; JSON parsers differ in which one they take.",
)
PAGE_SIZE_INVALID = Refusal(
    "page_size_invalid",
    Invalid,
    expected="a page size from 1 to {greatest}",
    found="{asked}",
    fix="Correct it, or leave it out for the default of {default}.",
)
VIEW_INVALID = Refusal(
    "view_invalid",
    Invalid,
    expected="a printable name, one of the pages {pages}, and a percent-encoded query",
    found="the view {name!r:.100} of {page!r:.60}",
    fix="Take the query from the address of the page, after its question mark.",
)
TOO_MANY_VIEWS = Refusal(
    "too_many_views",
    LimitExceeded,
    expected="at most {limit} views of a page",
    found="one more",
    fix="Remove views that you no longer need.",
)
CURSOR_INVALID = Refusal(
    "cursor_invalid",
    Invalid,
    expected="a cursor from an earlier page of the same list",
    found="{cursor!r:.66}",
    fix="Start without a cursor, then pass each page's cursor to the next call.",
)
ID_PART_INVALID = Refusal(
    "id_part_invalid",
    Invalid,
    expected="the beginning or the end of an id: hexadecimal digits and hyphens",
    found="{part!r}",
    fix="Copy it from a list or an event.",
)
STOPPING = Refusal(
    "stopping",
    OutsideError,
    expected="a running replica",
    found="one that is shutting down and only finishes the calls it has started",
    fix="Send the request again to another replica, or a little later; nothing was done.",
)
INTERNAL_ERROR = Refusal(
    "internal_error",
    OutsideError,
    expected="no error in the platform",
    found="one, which the platform has logged",
    fix="Try again. If it happens again, report it with the time of this response.",
    status=500,
)
KNOWN_LINK_INVALID = Refusal(
    "known_link_invalid",
    Invalid,
    expected="known: SEQ:HASH from an earlier verification",
    found="{found!r:.100}",
    fix="Give the number and the 64 hexadecimal digits, such as 17:9f86d0….",
)
GRACE_INVALID = Refusal(
    "grace_invalid",
    Invalid,
    expected="graceSeconds from {least:.0f} to {greatest:.0f}, or 0",
    found="{found}",
    fix="Tokens signed with the old key are valid for up to an hour; 0 refuses them at once.",
)
SEARCH_EMPTY = Refusal(
    "search_empty",
    Invalid,
    expected="a word, or the beginning of an id, in q",
    found="nothing but blanks",
    fix="Say what to search for.",
)

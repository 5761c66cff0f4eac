"""Refused uploads and downloads of app data: files, parts, checksums and signed URLs."""

from ferryman.errors import Conflict, Expired, Invalid, LimitExceeded, NotAllowed, RateLimited
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("upload")
FILE_NOT_FOUND = not_found("file")
OBJECT_NOT_FOUND = not_found("object")
CHECK_NOT_FOUND = not_found("check")

CHECK_PART_INVALID = Refusal(
    "check_part_invalid",
    Invalid,
    expected="one part with number 1 and at most {limit} bytes",
    found="number {number}, {size} bytes",
    fix="Send a smaller part: a check only tries the network.",
)

CLOSED_COMPLETE = Refusal(
    "upload_closed",
    Conflict,
    expected="an open upload",
    found="one that is complete",
    fix="Start a new upload for another file.",
)
CLOSED_ABORTED = Refusal(
    "upload_closed",
    Conflict,
    expected="an open upload",
    found="an abandoned one{reason}",
    fix="Start a new upload.",
)
CLOSED_ABORT = Refusal(
    "upload_closed",
    Conflict,
    expected="an upload that is not complete",
    found="one whose file is already app data",
    fix="Leave it. App data cannot be withdrawn; it is deleted with its transfer.",
)
CLOSED_IN_STORE = Refusal(
    "upload_closed",
    Conflict,
    expected="an open upload",
    found="one that was completed or aborted, or never started",
    fix="Read the state of the upload; start a new one if the file is not complete.",
)
RESTARTED = Refusal(
    "upload_restarted",
    Conflict,
    expected="an upload without parts beyond those you listed",
    found="one with more parts, from an earlier try, which the object store refuses",
    fix="Send the whole file again, then complete it; the upload is now empty.",
)
RESUME_KEY_TAKEN = Refusal(
    "resume_key_taken",
    Conflict,
    expected="{label!r}, the label that this resume key started with",
    found="{found!r}",
    fix="Give every file of a transfer its own resume key.",
)
REASON_INVALID = Refusal(
    "reason_invalid",
    Invalid,
    expected="a reason out of {known}",
    found="{reason!r:.48}",
    fix="Correct it, or leave it out if you abandon the file on purpose.",
)
TOO_MANY_OPEN = Refusal(
    "too_many_open_uploads",
    RateLimited,
    expected="at most {limit} incomplete files of one app",
    found="that many already",
    fix="Complete or abandon some of them, then begin this one.",
)
APP_BYTES = Refusal(
    "app_bytes_exceeded",
    LimitExceeded,
    expected="at most {limit} bytes of an app's files, open uploads and stored values",
    found="{held} bytes, and {more} more",
    fix="Abandon uploads that nobody completes; files are deleted some days after their transfer. "
    "The operator sets the limit: FERRYMAN_APP_BYTES.",
)
FILE_TOO_LARGE = Refusal(
    "file_too_large",
    LimitExceeded,
    expected="a file of at most {limit} bytes",
    found="{size} bytes",
    fix="Export several files; labels can carry their order.",
)
CHECKSUM_INVALID = Refusal(
    "checksum_invalid",
    Invalid,
    expected="the sha256 of the whole file as 64 lower-case hex digits, or none",
    found="{digest!r:.80}",
    fix="Correct it, or leave it out: the digests of the parts prove the file.",
)
CHECKSUM_MISMATCH = Refusal(
    "checksum_mismatch",
    Invalid,
    expected="sha256 {part:.64}, the digest of the only part",
    found="sha256 {digest}",
    fix="Hash the bytes of the whole file, or leave the digest out.",
)
CHECKSUM_MISMATCH_OF_PART = Refusal(
    "checksum_mismatch",
    Invalid,
    expected="bytes with sha256 {expected}",
    found="sha256 {digest}",
    fix="Send them again; the bytes changed on the way, or before you hashed them.",
)
APP_DATA_EXPIRED = Refusal(
    "app_data_expired",
    Expired,
    expected="a read within 12 days of the first notification",
    found="a file whose lifetime ended at {until:%Y-%m-%d %H:%M} UTC",
    fix="Export the data again in a new migration.",
)

BATCH_SIZE_INVALID = Refusal(
    "batch_size_invalid",
    LimitExceeded,
    expected="1 to {limit} files in one call",
    found="{count}",
    fix="Divide them into batches; nothing was changed.",
)
TOO_MANY_PARTS_AT_ONCE = Refusal(
    "too_many_parts",
    LimitExceeded,
    expected="1 to {limit} parts in one call",
    found="{count}",
    fix="Ask for fewer at a time.",
)
TOO_MANY_PARTS = Refusal(
    "too_many_parts",
    LimitExceeded,
    expected="at most {limit} parts",
    found="{count}",
    fix="Use larger parts as the stream grows.",
)
PART_NUMBER_INVALID = Refusal(
    "part_number_invalid",
    Invalid,
    expected="a part number from 1 to {limit}",
    found="{number}",
    fix="Number the parts of a file 1, 2, 3 and so on.",
)
PART_SIZE_INVALID = Refusal(
    "part_size_invalid",
    Invalid,
    expected="a size of 0 bytes or more",
    found="{size}",
    fix="Send the number of bytes in the part.",
)
PART_TOO_LARGE = Refusal(
    "part_too_large",
    LimitExceeded,
    expected="at most {limit} bytes in one part",
    found="part {number} of {size} bytes",
    fix="Divide the file into smaller parts.",
)
PART_TOO_SMALL = Refusal(
    "part_too_small",
    Invalid,
    expected="at least {least} bytes in every part but the last",
    found="part {number} of {size} bytes",
    fix="Send the file again in larger parts.",
)
PART_SHA256_INVALID = Refusal(
    "part_digest_invalid",
    Invalid,
    expected="the sha256 of the part as 64 lower-case hex digits",
    found="{digest!r:.82}",
    fix="Send hashlib.sha256(part).hexdigest().",
)
PART_MD5_INVALID = Refusal(
    "part_digest_invalid",
    Invalid,
    expected="the md5 of the part as 32 lower-case hex digits, which this store checks",
    found="{digest!r:.82}",
    fix="Send hashlib.md5(part).hexdigest() as md5; the upload lists it under checksums.",
)
PART_MISMATCH = Refusal(
    "part_mismatch",
    Invalid,
    expected="part {number} as stored: {stored}",
    found="{found}",
    fix="Send this part again, then complete with the size and digest you sent.",
)
PART_MISSING = Refusal(
    "part_missing",
    Invalid,
    expected="part {number}",
    found="{found}",
    fix="Ask which parts the store has, send the missing ones and complete again.",
)
PARTS_MISSING = Refusal(
    "part_missing",
    Invalid,
    expected="at least one part",
    found="none",
    fix="For an empty file, send one part of size 0, then complete.",
)
PART_REPEATED = Refusal(
    "part_repeated",
    Invalid,
    expected="each part number once, starting at 1",
    found="part {number} in place of part {expected}",
    fix="List each part of the file exactly once.",
)
SIZE_MISMATCH = Refusal(
    "size_mismatch",
    Invalid,
    expected="a body of exactly {size} bytes, as signed",
    found="{found}",
    fix="Ask for the URL with the size of the part, and send the whole part.",
)
SIGNATURE_INVALID = Refusal(
    "signature_invalid",
    NotAllowed,
    expected="an unchanged URL signed by this platform for this method",
    found="{found}",
    fix="Ask the platform for a URL, and use it unchanged, with the method it was signed for.",
    status=403,
)
URL_EXPIRED = Refusal(
    "url_expired",
    Expired,
    expected="a request before {expires_at}",
    found="{now}",
    fix="Ask the platform for a new URL.",
    status=403,
)

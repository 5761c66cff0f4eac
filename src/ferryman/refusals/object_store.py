"""Refusals of the object store: its address and keys, what it lacks, and its failures."""

from ferryman.errors import ConfigError, Conflict, OutsideError
from ferryman.refusals.row import Refusal

INVALID = Refusal(
    "object_store_invalid",
    ConfigError,
    expected="{expected}",
    found="{found}",
    fix="Correct --object-store. Keep keys out of it; the usual AWS chain finds them.",
)
KEYS_MISSING = Refusal(
    "store_keys_missing",
    ConfigError,
    expected="keys of the object store in the usual AWS chain",
    found="none",
    fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a "
    "role.",
)
DIGESTS_IGNORED = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store that refuses bytes that differ from their Content-MD5",
    found="one that takes them, so corrupted bytes would go unnoticed",
    fix="Use another store, or add unverified=allow to the address: clients then compare "
    "the etag of each part.",
)
LATE_PARTS_TAKEN = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store that refuses parts of a completed upload",
    found="one that takes them, so a signed URL still in use can destroy an accepted file",
    fix="Use another store. If you trust every app not to use the URL of a part after its file "
    "is complete, add late_parts=allow to the address.",
)
NOTHING_VERIFIES = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store that checks Content-MD5, or whose etags are the md5 of a part",
    found="one that does neither, so corrupted bytes would go unnoticed",
    fix="Use another store, or remove sse=aws:kms from the address if it is there.",
)
PARTS_MIXED = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store that builds a file only from the parts listed",
    found="one that adds other parts as well",
    fix="Use another store.",
)
FEW_PARTS = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store that takes {limit} parts in an upload",
    found="one that takes fewer",
    fix="Add max_parts=… to the address, with the number the store takes.",
)
LISTS_NO_UPLOADS = Refusal(
    "store_unsuitable",
    ConfigError,
    expected="an object store with the call ListMultipartUploads, which Ferryman uses to find "
    "uploads that were never completed",
    found="{found}",
    fix="Use another store; see docs/how-to/use-s3.md for what Ferryman needs.",
)
UNSUITABLE = Refusal(
    "store_unsuitable",
    OutsideError,
    expected="an object store that supports this call",
    found="{found}",
    fix="Look the code up in the documentation of the object store; sending the call again gives "
    "the same answer. See docs/how-to/use-s3.md for what Ferryman needs.",
    status=501,
)
VERIFIES_NO_MORE = Refusal(
    "store_unsuitable",
    OutsideError,
    expected="an object store that verifies a signed x-amz-content-sha256, as this one did at the "
    "start",
    found="one that took other bytes, or refused the right ones",
    fix="Find out what changed in the store or in front of it, and restart the platform, which "
    "then adapts. Send the file again.",
    status=501,
)
BUCKET_MISSING = Refusal(
    "bucket_missing",
    OutsideError,
    expected="an existing bucket in --object-store",
    found="{found}",
    fix="Create the bucket, or correct its name, the endpoint or the region.",
)
CLOCK_SKEWED = Refusal(
    "store_clock_skewed",
    OutsideError,
    expected="clocks of the platform and the object store within 15 minutes of each other",
    found="{found}",
    fix="Set the clock of this machine by NTP; signed URLs depend on it.",
)
BUSY = Refusal(
    "store_busy",
    OutsideError,
    expected="an object store with room for another request",
    found="{found}",
    fix="Try again with increasing pauses.",
)
FULL = Refusal(
    "store_full",
    OutsideError,
    expected="free space in the object store",
    found="{found}",
    fix="Raise the quota of the bucket or its owner, then try again.",
    status=507,
)
DISK_FULL = Refusal(
    "store_full",
    OutsideError,
    expected="free space on the disk of the object store",
    found="{found}",
    fix="Free some space or enlarge the disk, then send the part again.",
    status=507,
)
RESERVE = Refusal(
    "store_full",
    OutsideError,
    expected="free space beyond the {reserve} bytes that app data may not take",
    found="{free} bytes",
    fix="Free some space or enlarge the disk, then send the part again.",
    status=507,
)
REFUSED = Refusal(
    "store_refused",
    OutsideError,
    expected="an object store that accepts the platform's keys",
    found="{found}",
    fix="Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the role, the region, the "
    "encryption key, and that the policy allows the calls in docs/how-to/use-s3.md.",
)
UNAVAILABLE = Refusal(
    "store_unavailable",
    OutsideError,
    expected="an answer from the object store",
    found="{found}",
    fix="Check the endpoint and the network, then try again; stored data is safe.",
)
FOREIGN = Refusal(
    "store_foreign",
    ConfigError,
    expected="the object store with the files that the database knows",
    found="none of {count} of them in {place}",
    fix="Correct --object-store, --data-dir or --database-url: one of them belongs to another "
    "platform. If the store was lost, restore it from a backup first.",
)
DISK_UNAVAILABLE = Refusal(
    "store_unavailable",
    OutsideError,
    expected="an object store that can be read and written",
    found="{found}",
    fix="Check the disk and the permissions of the platform's data folder, then try again.",
)
DAMAGED = Refusal(
    "store_damaged",
    OutsideError,
    expected="a whole part in {file}",
    found="a shorter file",
    fix="Restore the store's folder from a backup; something outside the platform changed it.",
)
DAMAGED_SEALED = Refusal(
    "store_damaged",
    OutsideError,
    expected="the bytes of {file} as they were encrypted",
    found="others: it was cut, changed, or put in the place of another file",
    fix="Restore the store's folder from a backup; something outside the platform changed it.",
)
KEY_INVALID = Refusal(
    "object_key_invalid",
    ConfigError,
    expected="FERRYMAN_OBJECT_KEY, or FERRYMAN_OBJECT_KEY_FILE with a key in each line: 32 bytes "
    "in base64",
    found="{found}",
    fix="Make one with `openssl rand -base64 32`. The first key encrypts, the others only decrypt.",
)
KEY_UNUSED = Refusal(
    "object_key_invalid",
    ConfigError,
    expected="a key for files in the data folder",
    found="a key and --object-store, where the platform encrypts no file",
    fix="Remove FERRYMAN_OBJECT_KEY_FILE, and have the store encrypt: add sse=AES256 or "
    "sse=aws:kms to its address.",
)
KEY_MISSING = Refusal(
    "object_key_missing",
    ConfigError,
    expected="all keys that encrypted files of the data folder",
    found="FERRYMAN_OBJECT_KEY or FERRYMAN_OBJECT_KEY_FILE without the key {kid}",
    fix="Give every process that key, in a line after the newest one. Without it, those files are "
    "lost: restore them from a backup.",
)
KEY_OF_FILE_MISSING = Refusal(
    "object_key_missing",
    OutsideError,
    expected="the key {kid} that encrypted the file",
    found="no such key in FERRYMAN_OBJECT_KEY or FERRYMAN_OBJECT_KEY_FILE of this process",
    fix="The operator gives every process that key, in a line after the newest one, and restarts "
    "it.",
)
SEAL_RUNNING = Refusal(
    "seal_running",
    ConfigError,
    expected="no other `ferryman data seal` on this folder",
    found="one that is still running",
    fix="Wait for it to end.",
)
FOLDER_NOT_OWN = Refusal(
    "object_folder_not_own",
    ConfigError,
    expected="the user with the number {owner}, who owns the folder of files",
    found="the user with the number {found}, whose files the platform could not read",
    fix="Run the command as the user of `ferryman serve`, such as with `runuser -u ferryman`.",
)
SWEEP_RUNNING = Refusal(
    "sweep_running",
    Conflict,
    expected="no sweep and no backup in progress",
    found="one that a worker, `ferryman backup` or another call is running now",
    fix="Wait for it to end; GET /admin/v1/storage shows the report of a sweep.",
)

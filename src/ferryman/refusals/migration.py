"""Refused calls on migrations: plans, the clock of a platform, replays and sweeps."""

from ferryman.errors import Conflict, Invalid, LimitExceeded, OutsideError
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("migration")

STARTED = Refusal(
    "migration_started",
    Conflict,
    expected="a migration that has not started",
    found="one that started at {at}",
    fix="Cancel its transfers if it should not run.",
)
UNFINISHED = Refusal(
    "migration_unfinished",
    Conflict,
    expected="a migration whose transfers have all ended",
    found="{count} that have not ended",
    fix="Wait for them or cancel them; then archive the migration.",
)
SETTLED = Refusal(
    "migration_settled",
    Conflict,
    expected="a migration with a transfer that has not settled",
    found="one whose transfers have all settled",
    fix="Re-run the transfers that failed, if there are any: `ferryman transfer rerun`.",
)
START_TIME_INVALID = Refusal(
    "start_time_invalid",
    Invalid,
    expected="a time after {now}, by the clock of the platform, and at most {farthest} days later",
    found="{at}",
    fix="Send epoch milliseconds; start it at once with `ferryman migration start`.",
)
EMPTY = {
    field: Refusal(
        f"{field}_invalid",
        Invalid,
        expected=f"a {field} that is not empty",
        found="{text!r}",
        fix="Name the migration and its source server.",
    )
    for field in ("name", "source_id")
}
CLOUD_URL_INVALID = Refusal(
    "cloud_url_invalid",
    Invalid,
    expected="an absolute http(s) URL of the cloud site",
    found="{url!r:.120}",
    fix="Write it like https://your-site.example.",
)
APPS_INVALID = Refusal(
    "apps_invalid",
    Invalid,
    expected="1 to {limit} cloud app keys, each once",
    found="{count} keys",
    fix="Name each app that takes part once.",
)
TOO_MANY_CONTAINERS = Refusal(
    "too_many_containers",
    LimitExceeded,
    expected="at most {limit} containers",
    found="{count}",
    fix="Split the plan into several migrations.",
)
SELECTED_USERS_MISPLACED = Refusal(
    "selected_users_misplaced",
    Invalid,
    expected="selectedUsers on a container of type Site alone",
    found="{users!r:.80} on a {type}",
    fix="Remove it, or give it to a Site.",
)
CONTAINER_TYPE_UNKNOWN = Refusal(
    "container_type_unknown",
    Invalid,
    expected="containerType out of {known}",
    found="{container_type!r:.80}",
    fix="Correct the spelling; case matters.",
)

SECONDS_INVALID = Refusal(
    "seconds_invalid",
    Invalid,
    expected="0 to {longest:.0f} seconds",
    found="{seconds}",
    fix="Send a number within these limits; time only moves forward.",
)
CLOCK_IS_REAL = Refusal(
    "clock_is_real",
    Conflict,
    expected="a platform started with --clock virtual",
    found="the real clock",
    fix="Use a development or test platform; only those can {do}.",
)
CLOCK_TOO_FAR = Refusal(
    "clock_too_far",
    Conflict,
    expected="a clock at most {limit} days ahead of real time",
    found="{days} days",
    fix="Start with a new data folder.",
)
WORK_NOT_DONE = Refusal(
    "work_not_done",
    OutsideError,
    expected="the workers to finish all due work within {seconds:.0f} s",
    found="{pending}",
    fix="Check that `ferryman worker` is running and the apps answer. The clock stays where it "
    "got to.",
)

WINDOW_INVALID = Refusal(
    "window_invalid",
    Invalid,
    expected="a window of more than 0 and less than {limit} days",
    found="{seconds} seconds",
    fix="Use the value from the recording.",
)
CREATED_AT_INVALID = Refusal(
    "created_at_invalid",
    Invalid,
    expected="an instant in milliseconds, within {limit} days of today",
    found="{milliseconds!s:.40}",
    fix="Use the value from the recording.",
)
ID_INVALID = Refusal(
    "id_invalid",
    Invalid,
    expected="a lower-case UUID as {name}",
    found="{text!r:.80}",
    fix="Use the value from the recording.",
)
REPLAY_UNKNOWN = Refusal(
    "replay_unknown",
    Invalid,
    expected="a transfer that is being replayed here",
    found="{transfer!r:.80}",
    fix="Start the replay first.",
)
PLATFORM_NOT_EMPTY = Refusal(
    "platform_not_empty",
    Conflict,
    expected="a platform without migrations, whose time can be set",
    found="one that has some",
    fix="Replay without --url, or start a platform with a new data folder.",
)

"""Refused recordings: making them, reading them and replaying them."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

UNREADABLE = Refusal(
    "recording_unreadable",
    ConfigError,
    expected="a recording written by `ferryman record` in {path}",
    found="{found}",
    fix="Record the transfer again, or copy the file again; nothing was changed.",
)
VERSION_UNKNOWN = Refusal(
    "recording_version_unknown",
    ConfigError,
    expected="a recording of version {version}",
    found="version {found}",
    fix="Read it with the version of Ferryman that wrote it, or a newer one.",
)
VERSION_OF_PLATFORM = Refusal(
    "recording_version_unknown",
    ConfigError,
    expected="a platform that records in version {version}",
    found="another version",
    fix="Use the same version of Ferryman on both sides.",
)
STATE_TOO_LARGE = Refusal(
    "recording_state_too_large",
    ConfigError,
    expected="at most {lines} values, rows and objects that the app keeps, of {each} MiB each and "
    "{size} GiB in all",
    found="more",
    fix="Record with --no-state, which leaves them out.",
)
BROKE_OFF = Refusal(
    "recording_broke_off",
    OutsideError,
    expected="a recording with its last line",
    found="one that ends before it",
    fix="Run the command again.",
)
PAYLOAD_DIFFERS = Refusal(
    "payload_differs",
    OutsideError,
    expected="{size} bytes with {digest} as the file {key}",
    found="{found_size} bytes with {found_digest}",
    fix="Run the command again. If it happens again, run `ferryman data verify`.",
)
REPLAY_OTHER_KIND = Refusal(
    "replay_other_kind",
    ConfigError,
    expected="a {recorded} app in {folder}, like the recorded one",
    found="a {kind} app",
    fix="Name the folder of that app with --app.",
)
PLATFORM_NOT_STARTED = Refusal(
    "platform_not_started",
    ConfigError,
    expected="a platform of its own for the replay",
    found="{found}",
    fix="Fix the problem named here.",
)

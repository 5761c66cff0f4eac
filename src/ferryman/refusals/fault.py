"""Refused fault plans, and runs of `ferryman test-handler` and `dev --faults`."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

PLAN_INVALID = Refusal(
    "fault_plan_invalid",
    ConfigError,
    expected="{expected}",
    found="{found!r:.80}",
    fix="Correct the step; `ferryman faults` lists targets and kinds.",
)
PLAN_INVALID_BUT_NEAR = Refusal(
    "fault_plan_invalid",
    ConfigError,
    expected="{expected}",
    found="{found!r:.80}",
    fix="Did you mean {near}?",
)
PLAN_AMBIGUOUS = Refusal(
    "fault_plan_ambiguous",
    ConfigError,
    expected="--faults or --replay",
    found="both",
    fix="Give one of them.",
)
PLAN_EMPTY = Refusal(
    "fault_plan_empty",
    ConfigError,
    expected="at least one step, such as uploaded:1=twice",
    found="none",
    fix="Give one, or leave the option out to search for plans.",
)
PLAN_UNREADABLE = Refusal(
    "fault_plan_unreadable",
    ConfigError,
    expected="a file written by --save in {file}",
    found="{found:.200}",
    fix="Correct the path, or give the faults with --faults.",
)
INJECTION_ENDED = Refusal(
    "fault_injection_ended",
    OutsideError,
    expected="a running worker to inject faults",
    found="none",
    fix="Start `ferryman dev` again, and report it if this happens again.",
)
COMPLAINT_UNKNOWN = Refusal(
    "complaint_unknown",
    ConfigError,
    expected="--ignore with one of {known}",
    found="{complaint!r:.80}",
    fix="Use the code printed after the failure.",
)

STATE_AMBIGUOUS = Refusal(
    "state_ambiguous",
    ConfigError,
    expected="--state or --state-function",
    found="both",
    fix="Give one of them.",
)
STATE_FAILED = Refusal(
    "state_failed",
    ConfigError,
    expected="{command:.200} to succeed in a copy of the app's folder",
    found="{found:.1000}",
    fix="Run it by hand. `--state` and `--reset` are shell commands; `--state-function` is "
    "FILE.NAME as in the manifest.",
)
STATE_UNSTABLE = Refusal(
    "state_unstable",
    ConfigError,
    expected="the same state after two runs without faults",
    found="first {first}, then {second}",
    fix="Print only what is the same in every run (no times, no random ids), start each run from "
    "nothing (--reset), or give --unordered if only the order differs.",
)
CALM_RUN_FAILED = Refusal(
    "calm_run_failed",
    OutsideError,
    expected="SUCCESS at the end of a run without faults",
    found="{found}",
    fix="Fix that first. Run `ferryman migrate --settle` beside `ferryman dev` to see what is "
    "missing.",
)
RUN_NOT_ENDED = Refusal(
    "run_not_ended",
    OutsideError,
    expected="a run to end within {seconds:.0f} s",
    found="{found}",
    fix="See what the handler is waiting for; --limit shortens the time a function may take.",
)

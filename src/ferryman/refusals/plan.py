"""Refused plans of `ferryman migrate`."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

INVALID = Refusal(
    "plan_invalid",
    ConfigError,
    expected="{path} to be {expected}",
    found="in {file}: {found}",
    fix="Correct the place named here; `ferryman plan init` writes a plan to start from.",
)
UNREADABLE = Refusal(
    "plan_unreadable",
    ConfigError,
    expected="a plan in {file}",
    found="{found}",
    fix="Correct --plan, or write a plan with `ferryman plan init`.",
)
EXISTS = Refusal(
    "plan_exists",
    ConfigError,
    expected="a new file {file}",
    found="a file with that name",
    fix="Give another name, or --force.",
)
UNWRITABLE = Refusal(
    "plan_unwritable",
    ConfigError,
    expected="a writable file {file}",
    found="{found}",
    fix="Give a file that you may write to.",
)
FOR_ANOTHER_APP = Refusal(
    "plan_for_another_app",
    ConfigError,
    expected="a plan for {runs!r}, which `ferryman dev` runs",
    found="one for {named!r}",
    fix="Correct the plan, or start `ferryman dev` with --cloud-key, --server-key or "
    "--environment.",
)
FILES_NOT_GIVEN = Refusal(
    "files_not_given",
    ConfigError,
    expected="--files, or files in a plan",
    found="neither",
    fix="Name the folder of exported files.",
)
MISSING = {
    key: Refusal(
        f"{key}_missing",
        ConfigError,
        expected=f"the {key} {{path}}, named by {{place}}",
        found="no such file or folder",
        fix=f"Put the {key} there, or correct that line.",
    )
    for key in ("files", "mappings")
}

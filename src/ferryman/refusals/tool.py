"""Refused calls of the tools of ``ferryman mcp``."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

PACKAGE_MISSING = Refusal(
    "tool_package_missing",
    ConfigError,
    expected="the package `mcp` {wanted}, which is in the extra `mcp`",
    found="{found}",
    fix="Run `pip install 'WHEEL[server,mcp]'`, where WHEEL is the path of Ferryman's wheel; in a "
    "checkout, `make setup`.",
)
UNKNOWN = Refusal(
    "tool_unknown",
    ConfigError,
    expected="one of {known}",
    found="{name!r:.80}",
    fix="List the tools again, and call one of them.",
)
ARGUMENTS_INVALID = Refusal(
    "tool_arguments_invalid",
    ConfigError,
    expected="arguments in the form of the schema of {tool}",
    found="{found}",
    fix="Correct the arguments, and call it again.",
)
WRITE_REFUSED = Refusal(
    "tool_write_refused",
    ConfigError,
    expected="a server that may change something, for {name}",
    found="one that was started without --write",
    fix="Ask the developer to start `ferryman mcp --write` in the editor's settings.",
)
PATH_OUTSIDE = Refusal(
    "tool_path_outside",
    ConfigError,
    expected="a path in {folder}, without a name that begins with a dot",
    found="{path!r:.200}",
    fix="Put the files there, or start `ferryman mcp` with --folder.",
)
DOCUMENT_UNKNOWN = Refusal(
    "tool_document_unknown",
    ConfigError,
    expected="a page of Ferryman's documentation or a schema, by its address",
    found="{address!r:.200}",
    fix="List the resources, or call search_docs.",
)

"""Refused commands: their options, ids, tokens and the files they are given."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

_INSTALL = (
    "Run `pip install 'WHEEL[server]'`, where WHEEL is the path of Ferryman's wheel{otherwise}."
)

URL_INVALID = Refusal(
    "url_invalid",
    ConfigError,
    expected="an http(s) URL such as {example}",
    found="{url!r:.120}",
    fix="Correct --url or FERRYMAN_URL.",
)
DESCRIPTORS_TOO_FEW = Refusal(
    "descriptors_too_few",
    ConfigError,
    expected="at least {wanted} open files, for {connections} connections",
    found="a limit of {hard}",
    fix="Raise the limit (ulimit -Hn, or LimitNOFILE= in a systemd unit), or set fewer "
    "FERRYMAN_CONNECTIONS.",
)
OPERATOR_TOKEN_MISSING = Refusal(
    "operator_token_missing",
    ConfigError,
    expected="the operator token of the platform",
    found="none, since {file} cannot be read ({reason})",
    fix="Start `ferryman dev` in the app's folder, and run this command there too. Or give the "
    "platform's folder with --data-dir (FERRYMAN_DATA_DIR), or the token with --token "
    "(FERRYMAN_OPERATOR_TOKEN).",
)
APP_TOKEN_MISSING = Refusal(
    "app_token_missing",
    ConfigError,
    expected="--token or {variable}, or an app started by `ferryman dev`",
    found="{found}",
    fix="Give the token you got when you registered the app. Or start `ferryman dev` in the app's "
    "folder, and run this command there too, or give its folder .ferryman with --data-dir.",
)
ID_NOT_WHOLE = Refusal(
    "id_not_whole",
    ConfigError,
    expected="the whole id of the transfer, since an app's token cannot search for one",
    found="{id!r}, and no `ferryman dev` of that platform",
    fix="Write the whole id, as the agent and the events show it. Or run this beside "
    "`ferryman dev`, where the beginning of an id or {last} is enough.",
)
ID_UNKNOWN = Refusal(
    "id_unknown",
    ConfigError,
    expected="the id of a {kind}, or the beginning of one",
    found="{found}",
    fix="List the ids with `ferryman transfer list`, `migration list`, `app list` or "
    "`transfer messages`.",
)
ID_AMBIGUOUS = Refusal(
    "id_ambiguous",
    ConfigError,
    expected="the beginning of the id of one {kind}",
    found="{found}",
    fix="Write more of it.",
)
TRANSFER_AMBIGUOUS = Refusal(
    "transfer_ambiguous",
    ConfigError,
    expected="one running transfer",
    found="{transfers}",
    fix="Name one of them.",
)
TRANSFER_NOT_RUNNING = Refusal(
    "transfer_not_running",
    ConfigError,
    expected="one running transfer",
    found="none",
    fix="Start a migration.",
)
DEADLINE_NOT_SET = Refusal(
    "deadline_not_set",
    ConfigError,
    expected="a running transfer in {transfer}, since only those have a deadline",
    found="the status {status}",
    fix="Name one that is in progress; `ferryman transfer list` shows them.",
)
WATCH_TIMED_OUT = Refusal(
    "watch_timed_out",
    OutsideError,
    expected="settled transfers within the time given",
    found="{count} that are not: {transfers}",
    fix="Run `ferryman transfer explain {transfer}` to see what is missing, or "
    "`ferryman transfer watch` to watch again; the transfers continue.",
)
TRANSFER_NOT_OFFERED = Refusal(
    "transfer_not_offered",
    OutsideError,
    expected="the platform to offer {transfer}",
    found="none; an agent of the same server app may have taken it",
    fix="Stop the agent, or let it do the export.",
)
TRANSFER_NOT_OFFERED_FOR_REPLAY = Refusal(
    "transfer_not_offered",
    OutsideError,
    expected="the platform to offer {transfer}",
    found="none; an agent of the same server app may have taken it",
    fix="Replay without --url, or stop the agent.",
)

FILE_UNREADABLE = Refusal(
    "file_unreadable",
    ConfigError,
    expected="a readable file",
    found="{found}",
    fix="Check its path and permissions.",
)
OUTPUT_EXISTS = Refusal(
    "output_exists",
    ConfigError,
    expected="a new file {file}",
    found="a file with that name",
    fix="Give another name, or --force.",
)
REPORT_UNWRITABLE = Refusal(
    "report_unwritable",
    ConfigError,
    expected="a writable file {file}",
    found="{found}",
    fix="Give a file in an existing folder.",
)
FILES_UNSENDABLE = Refusal(
    "files_unsendable",
    ConfigError,
    expected="only files and folders in {folder}",
    found="{found}",
    fix="Remove them, or move them out of the folder of exported files.",
)
FILES_MISSING = Refusal(
    "files_missing",
    ConfigError,
    expected="at least one file in {folder}",
    found="{found}",
    fix="Name the folder of exported files, or one file.",
)
MAPPINGS_MISSING = Refusal(
    "mappings_missing",
    ConfigError,
    expected="a file of mappings at {file}",
    found="no such file",
    fix="Correct the path.",
)
FILES_OR_LISTENER = Refusal(
    "files_or_listener",
    ConfigError,
    expected="either --files or --listener",
    found="both",
    fix="Leave one out.",
)
LISTENER_NOT_LOADED = Refusal(
    "listener_not_loaded",
    ConfigError,
    expected="an importable listener {target} (module:listener)",
    found="{found}",
    fix="Correct the name or the module, and run this in the folder that holds the module.",
)
JAVA_LISTENER_NOT_LOADED = Refusal(
    "listener_not_loaded",
    ConfigError,
    expected="a running listener {target}",
    found="an agent that ended with status {status}; its message is above",
    fix="Correct the class, or the class path after --java.",
)
JAVA_NOT_FOUND = Refusal(
    "java_not_found",
    ConfigError,
    expected="Java 11 or newer, at JAVA_HOME or in the PATH",
    found="{found}",
    fix="Install one, such as Debian's openjdk-17-jre-headless, or set JAVA_HOME.",
)
AGENT_JAR_MISSING = Refusal(
    "agent_jar_missing",
    ConfigError,
    expected="the agent for Java at {jar}",
    found="no such file",
    fix="In a checkout, run `make java`, which needs a JDK; elsewhere, install a wheel with it.",
)
OPTION_NOT_FOR_JAVA = Refusal(
    "option_not_for_java",
    ConfigError,
    expected="no {option} with --java",
    found="{option}",
    fix="Leave it out: the agent for Java writes a log.",
)
LISTENER_FOR_ANOTHER_APP = Refusal(
    "listener_for_another_app",
    ConfigError,
    expected="a listener for the server app {key}, which `ferryman dev` runs",
    found="one for {keys}",
    fix="Start `ferryman dev` with --server-key {first}.",
)
MANIFEST_INVALID = Refusal(
    "manifest_invalid",
    ConfigError,
    expected="a manifest written by `ferryman transfer manifest`",
    found="{found}",
    fix="Get it again, or take the copy that the other side kept.",
)
MANIFEST_OF_ANOTHER = Refusal(
    "manifest_of_another",
    ConfigError,
    expected="the manifest of transfer {transfer}",
    found="that of {found}",
    fix="Name the transfer that the manifest belongs to.",
)
REPORT_INVALID = Refusal(
    "report_invalid",
    ConfigError,
    expected="a report as the platform signed it, byte by byte",
    found="{found}",
    fix="Do not rely on this file. Get the report again (`ferryman migration report`), and keep "
    "it as it was downloaded: editors and browsers that save a page rewrite it.",
)
REPORT_KEYS_INVALID = Refusal(
    "report_keys_invalid",
    ConfigError,
    expected="a JWK set of the platform's public keys, as `ferryman key export` prints it",
    found="{found}",
    fix="Export the keys again, and keep them: a key that was rotated is no longer published.",
)
SERVER_NOT_INSTALLED = Refusal(
    "server_not_installed",
    ConfigError,
    expected="the platform, which is in the extra `server`",
    found="only the client",
    fix=_INSTALL.format(otherwise=""),
)
YAML_NOT_INSTALLED = Refusal(
    "yaml_not_installed",
    ConfigError,
    expected="PyYAML, to read a manifest in YAML",
    found="none",
    fix=_INSTALL.format(otherwise=""),
)
YAML_NOT_INSTALLED_FOR_FILE = Refusal(
    "yaml_not_installed",
    ConfigError,
    expected="PyYAML, to read {file}",
    found="none",
    fix=_INSTALL.format(otherwise=", or put the same content into manifest.json"),
)

"""Refused apps on the command line: their folders, descriptors and `ferryman dev`."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

APP_FOLDER_TAKEN = Refusal(
    "app_folder_taken",
    ConfigError,
    expected="a new or empty folder {folder}",
    found="one that holds {found}",
    fix="Give another name.",
)
APP_FOLDER_UNWRITABLE = Refusal(
    "app_folder_unwritable",
    ConfigError,
    expected="a folder {folder} to write the app into",
    found="{found}",
    fix="Name a folder that you may write to.",
)
APP_NAME_INVALID = Refusal(
    "app_name_invalid",
    ConfigError,
    expected="a name of at most {most} lower-case letters and digits, with hyphens between words",
    found="{found!r:.120}",
    fix="Choose another name for the folder, such as my-notes.",
)
APP_NOT_FOUND = Refusal(
    "app_not_found",
    ConfigError,
    expected="manifest.yml or atlassian-connect.json in {folder}",
    found="{found}",
    fix="Name the folder of the app. For a Connect app that serves its descriptor, give its "
    "address with --descriptor.",
)
APP_NOT_REGISTERED = Refusal(
    "app_not_registered",
    ConfigError,
    expected="a registered app to run the command beside",
    found="none, for the reason above; the command did not run",
    fix="Correct the app, then try again.",
)
APP_NOT_TESTABLE = Refusal(
    "app_not_testable",
    ConfigError,
    expected="a Forge app, whose functions or remote can be restarted",
    found="the descriptor of a Connect app",
    fix="Inject faults with `ferryman dev --faults`.",
)
APP_REGISTERED_NOT_INSTALLED = Refusal(
    "app_registered_not_installed",
    ConfigError,
    expected="{app} to accept its shared secret at the installed path of its descriptor",
    found="{found}",
    fix="Fix the app, then run `ferryman app install {app}`; it is registered.",
)
APP_SOURCE_AMBIGUOUS = Refusal(
    "app_source_ambiguous",
    ConfigError,
    expected="either the folder of a Forge app or --descriptor of a Connect app",
    found="{found}",
    fix="Give one of them.",
)
CLOUD_KEY_MISSING = Refusal(
    "cloud_key_missing",
    ConfigError,
    expected="--cloud-key, the key of the cloud app",
    found="none, and the manifest does not have it",
    fix="Add --cloud-key.",
)
DESCRIPTOR_UNREACHABLE = Refusal(
    "descriptor_unreachable",
    ConfigError,
    expected="200 and a descriptor of at most 1 MiB from {address}, within {seconds:.0f} s",
    found="{found}",
    fix="Start the app, or correct the address, which starts with http:// or https://.",
)
DESCRIPTOR_UNREADABLE = Refusal(
    "descriptor_unreadable",
    ConfigError,
    expected="a JSON object at {place}",
    found="{found:.200}",
    fix="Give the file or the address of the app's atlassian-connect.json.",
)
EVENT_NOT_LISTENED = Refusal(
    "event_not_listened",
    ConfigError,
    expected="an app that listens for {event}",
    found="{app}, which listens for {events}",
    fix="Add the event to a trigger of its manifest, or send one that it listens for.",
)
MANIFEST_MALFORMED = Refusal(
    "manifest_malformed",
    ConfigError,
    expected="a JSON object in {file}",
    found="{found}",
    fix="Correct the file.",
)
TYPES_NOT_OURS = Refusal(
    "types_not_ours",
    ConfigError,
    expected="no {file}, or one that this command wrote",
    found="a file of your own",
    fix="Move or remove it, then run the command again.",
)
TYPES_UNWRITABLE = Refusal(
    "types_unwritable",
    ConfigError,
    expected="a writable {file}",
    found="{found}",
    fix="Name the folder of an app that you may write to.",
)

COMMAND_NOT_STARTED = Refusal(
    "command_not_started",
    ConfigError,
    expected="a command {name} that can be started",
    found="{found}",
    fix="Correct the command after --.",
)
DEV_NOT_RUNNING = Refusal(
    "dev_not_running",
    ConfigError,
    expected="an app started by `ferryman dev`, which writes it to {file}",
    found="{found}",
    fix="Start `ferryman dev` in the app's folder, and run this command there too, or give its "
    "folder .ferryman with --data-dir.",
)
DEV_RUNNING = Refusal(
    "dev_running",
    OutsideError,
    expected="no other `ferryman dev` for this folder",
    found="one that uses {folder}",
    fix="Use that one, or stop it first.",
)

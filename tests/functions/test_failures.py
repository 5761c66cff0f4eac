"""Why a function failed, and at which line of the app: all the ways to raise, in real hosts."""

import asyncio
import sys
from pathlib import Path

import pytest

from ferryman.domain.outcome import Outcome
from ferryman.functions.pool import FunctionPool
from ferryman.vocab import FailureCause
from tests.functions.calling import Invoke

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's processes"),
    pytest.mark.usefixtures("nothing_left"),
]

HELPER_PY = "def fail(words):\n    raise LookupError(words)\n"

# What raises, and what is told of it: the cause, and the one line.
PYTHON = {
    "an exception": (
        "def run(event, context):\n    raise ValueError('no such page')\n",
        "function_raised",
        "ValueError: no such page (index.py:2 in run)",
    ),
    "words of the resolver": (
        "def run(event, context):\n"
        "    raise ValueError('the author of page 7 could not be resolved')\n",
        "function_raised",
        "ValueError: the author of page 7 could not be resolved (index.py:2 in run)",
    ),
    "words of the client": (
        "def run(event, context):\n    raise RuntimeError('No connection to the wiki database')\n",
        "function_raised",
        "RuntimeError: No connection to the wiki database (index.py:2 in run)",
    ),
    "words of a traceback": (
        "def run(event, context):\n"
        "    raise RuntimeError('Traceback: ModuleNotFoundError, not answered in full')\n",
        "function_raised",
        "RuntimeError: Traceback: ModuleNotFoundError, not answered in full (index.py:2 in run)",
    ),
    "several lines": (
        "def run(event, context):\n    raise ValueError('one\\n  two\\n\\nthree')\n",
        "function_raised",
        "ValueError: one two three (index.py:2 in run)",
    ),
    "no message": (
        "def run(event, context):\n    raise ValueError\n",
        "function_raised",
        "ValueError (index.py:2 in run)",
    ),
    "a class of its own": (
        "class Missing(Exception): ...\ndef run(event, context):\n    raise Missing('page 7')\n",
        "function_raised",
        "index.Missing: page 7 (index.py:3 in run)",
    ),
    "a message that cannot be printed": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\n"
        "def run(event, context):\n    raise Odd\n",
        "function_raised",
        "index.Odd (index.py:4 in run)",
    ),
    "a helper module": (
        "from helper import fail\ndef run(event, context):\n    fail('gone')\n",
        "function_raised",
        "LookupError: gone (src/helper.py:2 in fail)",
    ),
    "a library": (
        "import json\ndef run(event, context):\n    json.loads('{')\n",
        "function_raised",
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1) (index.py:3 in run)",
    ),
    "a coroutine": (
        "import asyncio\nasync def run(event, context):\n    await asyncio.sleep(0)\n"
        "    raise LookupError('in vain')\n",
        "function_raised",
        "LookupError: in vain (index.py:4 in run)",
    ),
    "one from another": (
        "def run(event, context):\n    try:\n        1 / 0\n    except ArithmeticError as exc:\n"
        "        raise ValueError('no ratio') from exc\n",
        "function_raised",
        "ValueError: no ratio (index.py:5 in run)",
    ),
    "a group": (
        "import asyncio\nfrom helper import fail\nasync def part():\n    fail('gone')\n"
        "async def run(event, context):\n    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(part())\n",
        "function_raised",
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): LookupError: gone "
        "(src/helper.py:2 in fail)",
    ),
    "an exit": (
        "import sys\ndef run(event, context):\n    sys.exit(3)\n",
        "function_exited",
        "SystemExit: 3 (index.py:3 in run)",
    ),
    "an exit of the process": (
        "import os\ndef run(event, context):\n    os._exit(3)\n",
        "function_exited",
        "The process of the function ended itself with exit code 3.",
    ),
    "a signal": (
        "import os\ndef run(event, context):\n    os.kill(os.getpid(), 11)\n",
        "function_exited",
        "The process of the function was ended by SIGSEGV.",
    ),
    "the killer of the system": (
        "import os\ndef run(event, context):\n    os.kill(os.getpid(), 9)\n",
        "function_out_of_memory",
        "The process of the function was ended by SIGKILL.",
    ),
    "too much memory": (
        "def run(event, context):\n    bytearray(1 << 40)\n",
        "function_out_of_memory",
        "MemoryError (index.py:2 in run)",
    ),
    "a loop": (
        "def run(event, context):\n    while True: pass\n",
        "function_timed_out",
        "The function had not finished after 2 s; its processes were ended.",
    ),
    "an import that fails": (
        "raise RuntimeError('no SETTINGS')\ndef run(event, context): ...\n",
        "function_not_loaded",
        "RuntimeError: no SETTINGS (index.py:1 in <module>)",
    ),
    "an import of what a module lacks": (
        "from helper import nothing\ndef run(event, context): ...\n",
        "function_not_loaded",
        "ImportError: cannot import name 'nothing' from 'helper' ({app}/src/helper.py) "
        "(index.py:1 in <module>)",
    ),
    "a module that is missing": (
        "import no_such_module\ndef run(event, context): ...\n",
        "dependency_missing",
        "ModuleNotFoundError: No module named 'no_such_module' (index.py:1 in <module>)",
    ),
    "a syntax error": (
        "def run(event, context):\n    return (\n",
        "function_not_loaded",
        "SyntaxError: '(' was never closed (index.py, line 2) (index.py:2)",
    ),
    "no such function": (
        "def other(event, context): ...\n",
        "handler_missing",
        "HandlerMissingError: index.py defines no function run",
    ),
}

HELPER_TS = """\
type Words = string;

export const fail = (words: Words) => {
  throw new TypeError(words);
};
"""
DEEP_JS = """\
exports.deep = function deep(more = 0) {
  if (more) return deep(more - 1);
  throw new RangeError('too deep');
};
"""

JAVASCRIPT = {
    "an Error": (
        "export const run = () => { throw new Error('no such page'); };",
        "function_raised",
        "Error: no such page (src/index.ts:1 in run)",
    ),
    "a subclass": (
        "class Missing extends Error {}\n"
        "export const run = () => { throw new Missing('page 7'); };",
        "function_raised",
        "Missing: page 7 (src/index.ts:2 in run)",
    ),
    "a subclass with members": (
        "class Missing extends Error {\n  code = 'GONE';\n  where = { page: 7 };\n}\n"
        "export const run = () => { throw new Missing('page 7'); };",
        "function_raised",
        "Missing: page 7 (src/index.ts:5 in run)",
    ),
    "a name of its own": (
        "export const run = () => {\n  const error = new Error('no');\n  error.name = 'Refused';\n"
        "  throw error;\n};",
        "function_raised",
        "Refused: no (src/index.ts:2 in run)",
    ),
    "a string": (
        "export const run = () => { throw 'only words'; };",
        "function_raised",
        "string: only words",
    ),
    "an object": (
        "export const run = () => { throw { status: 404, why: 'gone' }; };",
        "function_raised",
        "Object: {{ status: 404, why: 'gone' }}",
    ),
    "null": ("export const run = () => { throw null; };", "function_raised", "null"),
    "undefined": ("export const run = () => { throw undefined; };", "function_raised", "undefined"),
    "a rejection": (
        "export const run = () => Promise.reject(new Error('in vain'));",
        "function_raised",
        "Error: in vain (src/index.ts:1 in run)",
    ),
    "a rejection with nothing": (
        "export const run = () => Promise.reject();",
        "function_raised",
        "undefined",
    ),
    "a cause": (
        "export const run = () => {\n  const cause = new Error('below');\n"
        "  throw new Error('above', { cause });\n};",
        "function_raised",
        "Error: above (src/index.ts:3 in run)",
    ),
    "no stack": (
        "export const run = () => {\n  const error = new Error('bare');\n  delete error.stack;\n"
        "  throw error;\n};",
        "function_raised",
        "Error: bare",
    ),
    "several lines that look like a stack": (
        "export const run = () => {\n"
        "  throw new Error(`one\\n    at ${__filename}:99:1\\ntwo`);\n};",
        "function_raised",
        "Error: one at {app}/src/index.ts:99:1 two (src/index.ts:2 in run)",
    ),
    "several errors": (
        "import { fail } from './helper';\n"
        "export const run = () => Promise.any([(async () => fail('gone'))()]);",
        "function_raised",
        "AggregateError: All promises were rejected: TypeError: gone (src/helper.ts:4 in fail)",
    ),
    "after an await": (
        "export const run = async () => {\n  await new Promise((done) => setTimeout(done, 1));\n"
        "  throw new Error('late');\n};",
        "function_raised",
        "Error: late (src/index.ts:3 in run)",
    ),
    "a helper module": (
        "import { fail } from './helper';\nexport const run = () => fail('gone');",
        "function_raised",
        "TypeError: gone (src/helper.ts:4 in fail)",
    ),
    "a library": (
        "import { deep } from 'deep';\nexport const run = () => {\n  deep();\n};",
        "function_raised",
        "RangeError: too deep (src/index.ts:3 in run)",
    ),
    "the runtime": (
        "export const run = () => decodeURIComponent('%');",
        "function_raised",
        "URIError: URI malformed (src/index.ts:1 in run)",
    ),
    "words of the resolver": (
        "export const run = () => { throw new Error('page 7 could not be resolved'); };",
        "function_raised",
        "Error: page 7 could not be resolved (src/index.ts:1 in run)",
    ),
    "what cannot be read": (
        "export const run = () => { throw { get stack() { throw 1; } }; };",
        "function_raised",
        "object",
    ),
    "a library that goes deep": (
        "import { deep } from 'deep';\nexport const run = () => {\n  deep(20);\n};",
        "function_raised",
        "RangeError: too deep (src/index.ts:3 in run)",
    ),
    "thrown aside": (
        "export const run = async () => {\n"
        "  setTimeout(() => { throw new Error('aside'); }, 1);\n"
        "  await new Promise((done) => setTimeout(done, 5000));\n};",
        "function_raised",
        "Error: aside (src/index.ts:2 in Timeout",
    ),
    "an exit": (
        "export const run = () => process.exit(3);",
        "function_exited",
        "Error: the function called process.exit(3) instead of returning (src/index.ts:1 in run)",
    ),
    "an abort": (
        "export const run = () => process.abort();",
        "function_exited",
        "The process of the function was ended by SIGABRT.",
    ),
    "the killer of the system": (
        "export const run = () => process.kill(process.pid, 'SIGKILL');",
        "function_out_of_memory",
        "The process of the function was ended by SIGKILL.",
    ),
    "too much memory": (
        "export const run = () => { const hoard = []; for (;;) hoard.push({ more: [1, 2] }); };",
        "function_out_of_memory",
        "The function used all its memory (256 MiB): JavaScript heap out of memory.",
    ),
    "a loop": (
        "export const run = () => { for (;;); };",
        "function_timed_out",
        "The function had not finished after 2 s; its processes were ended.",
    ),
    "a module that fails to load": (
        "throw new Error('no SETTINGS');\nexport const run = () => {};",
        "function_not_loaded",
        "Error: no SETTINGS (src/index.ts:1)",
    ),
    "a syntax error": (
        "export const run = () => {\n  const = 1;\n};",
        "function_not_loaded",
        "handler_does_not_compile: expected sources that esbuild can bundle into one file; "
        'found Expected identifier but found "=" src/index.ts:2:8:',
    ),
    "a syntax error beside words of the compiler": (
        "const said = 'Could not resolve \"left-pad\"';;; = 1;\nexport const run = () => said;",
        "function_not_loaded",
        "handler_does_not_compile: ",
    ),
    "a module that is missing": (
        "import pad from 'left-pad';\nexport const run = pad;",
        "dependency_missing",
        "handler_module_missing: expected every imported module; missing: left-pad; ",
    ),
    "a module that is required and missing": (
        "const name = 'left' + '-pad';\nrequire(name);\nexport const run = () => {};",
        "dependency_missing",
        "Error: Cannot find module 'left-pad' Require stack: - {app}/src/index.ts",
    ),
    "no such function": (
        "export const other = () => {};",
        "handler_missing",
        "HandlerMissing: {app}/src/index.ts exports no function run",
    ),
}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "helper.py").write_text(HELPER_PY)
    (folder / "src" / "helper.ts").write_text(HELPER_TS)
    (folder / "node_modules" / "deep").mkdir(parents=True)
    (folder / "node_modules" / "deep" / "index.js").write_text(DEEP_JS)
    return folder


def _call(invoke: Invoke, cause: str) -> Outcome:
    seconds = 2 if cause == "function_timed_out" else 60

    async def call() -> Outcome:
        async with FunctionPool(concurrency=1, memory_bytes=1 << 28) as pool:
            return await invoke(pool, "run", timeout=seconds)

    return asyncio.run(call())


@pytest.mark.parametrize(("code", "cause", "reason"), PYTHON.values(), ids=PYTHON)
def test_what_python_raises_is_told(
    invoke: Invoke, app: Path, code: str, cause: str, reason: str
) -> None:
    (app / "index.py").write_text(code)
    outcome = _call(invoke, cause)
    assert (outcome.cause, outcome.reason) == (FailureCause(cause), reason.format(app=app))


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(("code", "cause", "reason"), JAVASCRIPT.values(), ids=JAVASCRIPT)
def test_what_javascript_throws_is_told(
    invoke: Invoke, app: Path, code: str, cause: str, reason: str
) -> None:
    (app / "src" / "index.ts").write_text(code)
    outcome = _call(invoke, cause)
    told, expected = str(outcome.reason), reason.format(app=app)
    assert (outcome.cause, told[: len(expected)]) == (FailureCause(cause), expected)
    if expected.endswith(")"):
        assert told == expected

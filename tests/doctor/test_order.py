"""An acknowledgement before the read of its file is told, but only where that is certain."""

import pytest

from ferryman.devtools.doctor.checks import run_checks
from ferryman.devtools.doctor.snapshot import AppSnapshot, SourceFile

ACK = "migration.message_processed(event['transferId'], event['messageId'])"
READ = "list(migration.get_app_data_payload(event['key']))"
SCRIPT_ACK = "await migration.messageProcessed(event.transferId, event.messageId);"
SCRIPT_READ = "const file = await migration.getAppDataPayload(event.key);"


def lines(file: str, text: str) -> list[int | None]:
    findings = run_checks(AppSnapshot(sources=(SourceFile(file, text),)))
    return [each.line for each in findings if each.check == "acknowledged_before_read"]


PYTHON = {
    "first": (f"{ACK}\n{READ}", True),
    "last": (f"{READ}\n{ACK}", False),
    "awaited": (f"await {ACK}\nawait {READ}", True),
    "in a with": (f"with Migration() as migration:\n    {ACK}\n    with {READ}: pass", True),
    "in a loop": (f"for each in found:\n    {ACK}\n    {READ}", True),
    "of the round before": (f"for each in found:\n    {READ}\n    {ACK}", False),
    "read in a branch": (f"{ACK}\nif event['key']:\n    {READ}", True),
    "acknowledged in a branch": (f"if event['old']:\n    {ACK}\n{READ}", False),
    "and left": (f"if not event['key']:\n    {ACK}\n    return\n{READ}", False),
    "in the other branch": (f"if event['old']:\n    {ACK}\nelse:\n    {READ}", False),
    "in a try": (f"try:\n    {ACK}\n    {READ}\nexcept OSError: pass", True),
    "after a failure": (f"try:\n    {READ}\nexcept OSError:\n    {ACK}", False),
    "defined to read later": (f"{ACK}\nread = lambda: {READ}", False),
    "defined before": (f"def done():\n    {ACK}\n{READ}\ndone()", False),
    "not Python": (f"{ACK}\n{READ}\n(", False),
}
SCRIPT = {
    "first": (f"{SCRIPT_ACK}\n{SCRIPT_READ}", True),
    "last": (f"{SCRIPT_READ}\n{SCRIPT_ACK}", False),
    "in one block": (f"if (event.key) {{ {SCRIPT_ACK} {SCRIPT_READ} }}", True),
    "in a branch": (f"if (event.old) {{ {SCRIPT_ACK} }}\n{SCRIPT_READ}", False),
    "in a branch without braces": (f"if (event.old)\n {SCRIPT_ACK}\n{SCRIPT_READ}", False),
    "and left": (f"{SCRIPT_ACK} return;\n{SCRIPT_READ}", False),
    "read in a function": (f"{SCRIPT_ACK}\nfunction read() {{ {SCRIPT_READ} }}", False),
    "braces in texts": (f"{SCRIPT_ACK} log('}}}} {{'); {SCRIPT_READ}", True),
    "in a text": (f"{SCRIPT_ACK} log('getAppDataPayload(');", False),
}


@pytest.mark.parametrize(("body", "told"), PYTHON.values(), ids=PYTHON)
def test_in_python(body: str, told: bool) -> None:
    indented = body.replace("\n", "\n    ")
    found = lines("index.py", f"async def run(event, context):\n    {indented}\n")
    assert bool(found) is told
    assert len(found) <= 1


@pytest.mark.parametrize(("body", "told"), SCRIPT.values(), ids=SCRIPT)
def test_in_javascript(body: str, told: bool) -> None:
    found = lines("index.js", f"export async function run(event) {{\n{body}\n}}\n")
    assert bool(found) is told


def test_the_line_is_that_of_the_acknowledgement() -> None:
    assert lines("a.py", f"def run(event):\n    pass\n    {ACK}\n    {READ}\n") == [3]
    assert lines("a.js", f"function run() {{\n\n{SCRIPT_ACK}\n{SCRIPT_READ}\n}}") == [3]

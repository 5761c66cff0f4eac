"""Write the parts of ``docs/`` that are generated from the code: ``python -m tools.docs``.

Each part is between ``<!-- code: NAME -->`` and ``<!-- end -->``. A test compares the pages with
what this program would write, so they cannot go stale.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from ferryman.api.application import create_app
from ferryman.api.auth import Credentials
from ferryman.api.problem_documents import row_status
from ferryman.cli.mcp.reading import READING
from ferryman.cli.mcp.writing import WRITING
from ferryman.config import Settings
from ferryman.devtools.schemas import SchemaName, schema_text
from ferryman.errors import PlatformError
from ferryman.metrics import METRICS
from ferryman.objects.s3.capabilities import CAPABILITY_CHECKS
from ferryman.refusals import CLIENT_ROWS, PLATFORM_ROWS, Refusal
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.tokens import SigningKey
from tests.contract.statements import Statement, statements
from tools.docs_cli import cli, table
from tools.fixed_calls import BASES, fixed_calls

DOCS = Path(__file__).parents[1] / "docs"
_ALERTS = DOCS.parent / "deploy" / "prometheus" / "ferryman.rules.yml"
_LLMS = DOCS.parent / "llms.txt"
_PAGE = re.compile(r"\| \[([^\]]+)\]\(([^)]+)\) \| (.+) \|")
_SOURCES = DOCS / "reference" / "sources.md"
_PART = re.compile(r"(<!-- code: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def schema_file(name: SchemaName) -> Path:
    """Return the file with a JSON schema of apps' files and events."""
    return DOCS / "reference" / "schemas" / f"{name}.schema.json"


def fresh(text: str) -> str:
    """Return the page with its generated parts rewritten."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[4]}", text)


def settings() -> str:
    """Every setting with its variable, its default and its meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append([f"`FERRYMAN_{name.upper()}`", default, field.description or ""])
    return table(["variable", "default", "meaning"], rows)


def store_trials() -> str:
    """Every habit of an object store that is tried, and what one that differs leads to."""
    rows = [
        [
            trial.s3,
            "refuses to start" if trial.refusal else f"adapts: {trial.otherwise}",
            f"`{trial.option}=allow` warns: {trial.otherwise}" if trial.refusal else "",
        ]
        for trial in CAPABILITY_CHECKS
    ]
    return table(["what S3 does", "if a store doesn't, the platform", "option"], rows)


def metrics() -> str:
    """Every metric with its labels and its meaning."""
    rows = []
    for name, metric in METRICS.items():
        labels = (("process",) if metric.of == "process" else ()) + metric.labels
        rows.append(
            [f"`{name}`", metric.kind, " ".join(f"`{each}`" for each in labels), metric.help]
        )
    return table(["metric", "kind", "labels", "meaning"], rows)


def alerts() -> str:
    """Every alert for Prometheus."""
    rules = yaml.safe_load(_ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    rows = [
        [rule["annotations"]["summary"], f"`{rule['expr']}`", rule["labels"]["severity"]]
        for rule in rules
    ]
    return table(["alert", "when", "severity"], rows)


def errors() -> str:
    """Every refusal, by status."""
    groups: dict[str, list[Refusal[PlatformError]]] = {}
    for row in sorted(PLATFORM_ROWS, key=lambda row: row_status(row) or 0):
        status = row_status(row)
        title = f"{status} {HTTPStatus(status).phrase}" if status else "When a platform starts"
        groups.setdefault(title, []).append(row)
    groups["On the command line"] = list(CLIENT_ROWS)
    head = ["code", "expected", "found", "fix"]
    return "\n\n".join(
        f"## {title}\n\n" + table(head, _rows(rows)) for title, rows in groups.items()
    )


def _rows(rows: Iterable[Refusal[PlatformError]]) -> list[list[str]]:
    """Return codes and their sentences; ``found`` stays empty where all of it is a value."""
    codes: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(rows, key=lambda row: row.code):
        error = row.outline()
        found = re.sub(r"^\{\w+\}$", "", error.found)
        codes.setdefault((error.expected, found, error.fix), []).append(f"`{row.code}`")
    return [[" ".join(names), *sentences] for sentences, names in codes.items()]


def _calls(prefix: str) -> Callable[[], str]:
    def part() -> str:
        rows = [[f"`{call}`", line] for call, line in calls(prefix).items()]
        return table(["call", "what it does"], rows)

    return part


def calls(prefix: str) -> dict[str, str]:
    """The calls below a path, as ``METHOD /path``, with what each does."""
    nothing: Any = None
    platform = Platform(database=nothing, objects=nothing, settings=Settings())
    credentials = Credentials("", KeyRing(SigningKey("", b"")))
    api = create_app(platform, credentials, asyncio.Event(), nothing)
    every = {}
    for route in api.routes:
        found = {
            method: _first_line(handler.fn.__doc__)
            for handler in getattr(route, "route_handlers", [])
            for method in handler.http_methods - {"OPTIONS"}
            if route.path_format.startswith(prefix)
        }
        # Their order is that of a set.
        for method, line in sorted(found.items()):
            every[f"{method} {_path(route.path_format)}"] = line
    return every


def added_calls() -> str:
    """Every call that is not fixed, by surface."""
    fixed = fixed_calls()
    names = ("Forge REST", "Connect REST", "Server", "Admin")
    parts = []
    for name, base in zip(names, BASES, strict=True):
        rows = [[f"`{call}`", line] for call, line in calls(base).items() if call not in fixed]
        parts.append(f"## {name}\n\n" + table(["call", "what it does"], rows))
    return "\n\n".join(parts)


def contract() -> str:
    """Every documented statement that is tested, by page."""
    rows = re.findall(r"^\| ([a-z-]+) \| (.+) \| (.+) \|$", _SOURCES.read_text(), re.MULTILINE)

    def page(each: Statement) -> int:
        return [name for name, _, _ in rows].index(each.page)

    parts = []
    found = sorted(statements(), key=lambda each: (page(each), each.section))
    for number, group in groupby(found, key=page):
        name, title, date = rows[number]
        lines = [[each.section, each.text, f"`{each.test}`"] for each in group]
        parts.append(
            f"## {title}\n\n`{name}`, last updated: {date}.\n\n"
            + table(["section", "statement", "test"], lines)
        )
    return "\n\n".join(parts)


def _path(path: str) -> str:
    """Parameters as the wire spells them."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), path)


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].replace("``", "`")


def tools() -> str:
    """Every tool of ``ferryman mcp``, and whether it needs ``--write``."""
    rows = [
        [f"`{tool.name}`", tool.description, "`--write`" if tool.writes else ""]
        for tool in (*READING, *WRITING)
    ]
    return table(["tool", "what it does", "needs"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "alerts": alerts,
    "metrics": metrics,
    "tools": tools,
    "added-calls": added_calls,
    "settings": settings,
    "store-trials": store_trials,
    "errors": errors,
    "cli": cli,
    "contract": contract,
    "forge-calls": _calls("/app/migration/forge/v1"),
    "connect-calls": _calls("/rest/atlassian-connect/1/migration"),
    "server-calls": _calls("/server/v1"),
    "admin-calls": _calls("/admin/v1"),
    "shared-calls": _calls("/shared/v1"),
}


def llms() -> str:
    """Return ``llms.txt``: the pages that ``docs/README.md`` lists, a line on each, for programs.

    In the form of llmstxt.org: a title, a sentence, and lists of links below headings.
    """
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8").split("\n\n")
    parts = [readme[0], "> " + readme[1].partition("\n")[0]]
    for table_text in (DOCS / "README.md").read_text(encoding="utf-8").split("\n\n"):
        head, *rows = table_text.splitlines()
        found = [_PAGE.match(row) for row in rows]
        links = [
            f"- [{each[1]}](docs/{each[2]}): {each[3].replace('`', '')}" for each in found if each
        ]
        if links:
            title = head.split("|")[1].strip()
            parts.append(f"## {title[0].upper()}{title[1:]}\n\n" + "\n".join(links))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Bring every page up to date."""
    _LLMS.write_text(llms(), encoding="utf-8")
    for name in SchemaName:
        schema_file(name).write_text(schema_text(name), encoding="utf-8")
    for page in sorted(DOCS.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = fresh(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()

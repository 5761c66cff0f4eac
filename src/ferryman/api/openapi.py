"""Build the OpenAPI document: that of the framework, completed with what calls have in common.

Added are names as on the wire, security, every status a call can be refused with, and an example of
each body and parameter from one table.
"""

import re
from copy import deepcopy
from http import HTTPStatus
from typing import Any

import msgspec

from ferryman import refusals
from ferryman.api.examples import example
from ferryman.api.openapi_tables import (
    ANSWERS,
    BODIES,
    CLAIM,
    PARAMETERS,
    REF,
    REFERENCES,
    SCHEMES,
    SURFACES,
    object_paths,
)
from ferryman.api.problem_documents import problem_of, row_status
from ferryman.wire.event import StreamPage
from ferryman.wire.manifest import TransferManifest
from ferryman.wire.problem import Problem
from ferryman.wire.report import MigrationReport
from ferryman.wire.transfer import TimelinePage

_PROBLEM = "application/problem+json"


def describe(generated: dict[str, Any]) -> dict[str, Any]:
    """Return the whole document, from the one that the framework generates."""
    document = deepcopy(generated)
    components = document["components"]
    shared = [MigrationReport, Problem, StreamPage, TimelinePage, TransferManifest]
    _, schemas = msgspec.json.schema_components(shared, ref_template=REF)
    components["schemas"] |= schemas
    components["securitySchemes"] = SCHEMES
    components["responses"] = {_name(s): _refusal(s) for s in _statuses()}
    document["info"]["description"] = (
        "Carries the data of an app from a self-hosted server into the cloud. "
        "Every refusal is a problem document (RFC 9457) with a stable code."
    )
    document["tags"] = [{"name": tag} for tag in (*SURFACES, "Platform")]
    paths = {_camel(path): item for path, item in document["paths"].items()} | object_paths()
    document["paths"] = paths
    for path, item in paths.items():
        for method, operation in item.items():
            _complete(path, method, operation, components["schemas"])
    return document


def _complete(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    [tag] = operation.setdefault("tags", ["Platform"])
    scheme, statuses = SURFACES.get(tag, ("", (503,)))
    operation["security"] = [{scheme: []}] if scheme else []
    text = " ".join(operation.get("description", "The metrics of the process.").split())
    operation["description"] = text
    operation["summary"] = re.split(r"[.;:] |\.$", text)[0]
    operation.pop("deprecated", None)
    if tag == "Server" and "{" in path:
        operation.setdefault("parameters", []).append(deepcopy(CLAIM))
    for parameter in operation.get("parameters", []):
        _parameter(parameter, schemas)
    if body := BODIES.get((method, path)):
        operation["requestBody"] = {"required": True, "content": body}
    codes = {*statuses, 500}
    if operation.get("parameters") or "requestBody" in operation:
        codes.add(400)
    if "{" in path or _refers(operation):
        codes.add(404)
    if "requestBody" in operation:
        codes |= {404, 413, 415}
        _examples(operation["requestBody"]["content"], schemas, "keys")
    success = operation["responses"]["200"]
    success["description"] = "Done." if "content" not in success else "The result."
    success.pop("headers", None)
    if answer := ANSWERS.get((method, path)):
        success["content"] = answer
    _examples(success.get("content", {}), schemas)
    refusals = {str(s): {"$ref": f"#/components/responses/{_name(s)}"} for s in sorted(codes)}
    kept = {
        code: response for code, response in operation["responses"].items() if code.startswith("2")
    }
    operation["responses"] = kept | refusals


def _refers(operation: dict[str, Any]) -> bool:
    """Return whether a filter names one stored thing, which may not exist."""
    return any(parameter["name"] in REFERENCES for parameter in operation.get("parameters", []))


def _parameter(parameter: dict[str, Any], schemas: dict[str, Any]) -> None:
    name = parameter["name"] = _camel(parameter["name"])
    schema = parameter["schema"]
    [schema] = [s for s in schema.get("oneOf", [schema]) if s.get("type") != "null"]
    if schema.get("type") == "integer":
        schema["minimum"] = 1
    parameter["schema"] = schema
    parameter.setdefault("description", PARAMETERS.get(name, name))
    parameter["example"] = example(schema, schemas, name)
    for word in ("deprecated", "allowEmptyValue", "allowReserved"):
        parameter.pop(word, None)


def _examples(content: dict[str, Any], schemas: dict[str, Any], name: str = "") -> None:
    for kind, form in content.items():
        if "example" not in form and kind.endswith("json"):
            form["example"] = example(form.get("schema", {}), schemas, name)


def _statuses() -> set[int]:
    shared = {status for _, statuses in SURFACES.values() for status in statuses}
    return shared | {400, 404, 413, 415, 500}


def _name(status: int) -> str:
    return re.sub(r"\W", "", HTTPStatus(status).phrase.title())


def _refusal(status: int) -> dict[str, Any]:
    """Describe the refusals of a status: the codes of its rows, and one full example."""
    phrase = HTTPStatus(status).phrase
    rows = [row for row in refusals.PLATFORM_ROWS if row_status(row) == status]
    codes = ", ".join(f"`{code}`" for code in sorted({row.code for row in rows}))
    shown = problem_of(rows[0].outline(), status)
    answer: dict[str, Any] = {
        "description": f"{phrase}: {codes}. See the page on errors for each code.",
        "content": {
            _PROBLEM: {
                "schema": {"$ref": REF.format(name="Problem")},
                "example": msgspec.to_builtins(shown),
            }
        },
    }
    if status in (429, 503):
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait before trying again.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return answer


def _camel(text: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), text)

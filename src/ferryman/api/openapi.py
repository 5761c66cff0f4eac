"""The OpenAPI document: what the handlers say, completed with what all calls of a surface share.

Completed are names as the wire spells them, security, every status a call can be refused with,
and an example of each body and parameter, made from one table.
"""

import re
from copy import deepcopy
from http import HTTPStatus
from typing import Any

import msgspec

from ferryman.api.examples import example
from ferryman.wire.manifest import Manifest
from ferryman.wire.problem import Problem
from ferryman.wire.transfer import TimelinePage

_REF = "#/components/schemas/{name}"
_PROBLEM = "application/problem+json"

SURFACES: dict[str, tuple[str, tuple[int, ...]]] = {
    "Forge": ("cloudToken", (401, 403, 409, 410, 429, 503)),
    "Connect": ("connectJwt", (401, 403, 409, 429, 503)),
    "Server": ("serverToken", (401, 403, 409, 410, 429, 503, 507)),
    "Admin": ("operatorToken", (401, 409, 410, 502, 503, 504)),
    "Objects": ("", (400, 403, 404, 411, 416, 503, 507)),
}
"""By tag: the security scheme, and what any call may be refused with."""

SCHEMES: dict[str, dict[str, str]] = {
    "cloudToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The system token that came with an event (RS256 JWT; one app, one "
        "environment, one site, one hour), or the app's long-lived cloudToken.",
    },
    "connectJwt": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`JWT TOKEN`: HS256 with the app's shared secret, with iss, iat, exp and "
        "the qsh of this very request.",
    },
    "serverToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The serverToken that registering the app gave.",
    },
    "operatorToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "What the file operator-token of the data folder holds.",
    },
}

PARAMETERS = {
    "against": "The other migration of a comparison.",
    "appId": "The app, as registering it named it.",
    "transferId": "The transfer, as its events and the answer that created it name it.",
    "fileKey": "The file, as its event names it.",
    "s3Key": "The file, as its event names it.",
    "uploadId": "The upload, as the call that began it names it.",
    "migrationId": "The migration.",
    "messageId": "The message.",
    "cloudAppKey": "Only of this app: its key, KEY@ENVIRONMENT, or its id.",
    "from": "Only what was created at this instant or later, in epoch milliseconds.",
    "to": "Only what was created before this instant, in epoch milliseconds.",
    "state": "UNDELIVERED.",
    "namespace": "A namespace of mappings, as family:entity.",
    "containerType": "JiraProject, ConfluenceSpace or Site.",
    "reason": "Why it is given up: `writer_failed`, `deliberate` (the default) or `superseded`.",
    "detail": "What the writer failed with, by class and place; no text of an error.",
    "unfinished": "`abandon` does without files that are unfinished, which refuse it otherwise.",
    "pageSize": "How many at most; the greatest is also the default of most lists.",
    "cursor": "What the last page called nextCursor; nothing for the first page.",
    "lastEntity": "What the last page called meta.lastEntity; nothing for the first page.",
    "lastEvaluatedKey": "What the last page called lastEvaluatedKey; nothing for the first.",
}

_CLAIM = {
    "name": "Ferryman-Claim",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The number `claims` of the claim that the call is made under; it is refused "
    "(`claim_superseded`) once another agent has the transfer.",
}
"""Taken by each call of the server surface on a transfer or an upload."""

_ROWS = '{"namespace": "jira:issue", "serverKey": "10000", "cloudKey": "10152"}\n'
_TEXT = {"type": "string"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("put", "/admin/v1/migrations/{migrationId}/mappings"): {
        "application/x-ndjson": {"schema": _TEXT, "example": _ROWS},
        "text/csv": {
            "schema": _TEXT,
            "example": "namespace,serverKey,cloudKey\njira:issue,10000,10152\n",
        },
    },
}
"""Bodies that are streamed, which no handler declares."""

ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("get", "/admin/v1/transfers/{transferId}/timeline"): {
        "application/json": {"schema": {"$ref": _REF.format(name="TimelinePage")}},
        "text/event-stream": {"schema": _TEXT, "example": 'id: 1\nevent: started\ndata: {"…": 1}'},
    },
    **{
        ("get", f"{base}/{{transferId}}/manifest"): {
            "application/json": {"schema": {"$ref": _REF.format(name="Manifest")}}
        }
        for base in (
            "/admin/v1/transfers",
            "/server/v1/transfers",
            "/app/migration/forge/v1/data",
            "/rest/atlassian-connect/1/migration/data",
            "/wiki/rest/atlassian-connect/1/migration/data",
        )
    },
    ("get", "/admin/v1/transfers/{transferId}/verify"): {
        "application/x-ndjson": {
            "schema": _TEXT,
            "example": '{"kind": "file", "key": "…", "outcome": "PROVEN", …}\n',
        }
    },
    ("get", "/admin/v1/transfers/{transferId}/recording"): {
        "application/x-ndjson": {
            "schema": _TEXT,
            "example": '{"line": "run", "version": 1, …}\n{"line": "message", …}\n',
        }
    },
    ("get", "/metrics"): {"text/plain": {"schema": _TEXT, "example": "# HELP …"}},
}
"""Answers in more than one form, or made by others."""


def describe(generated: dict[str, Any]) -> dict[str, Any]:
    """The whole document, from the one that the framework makes of the handlers."""
    document = deepcopy(generated)
    components = document["components"]
    shared = [Problem, TimelinePage, Manifest]
    _, schemas = msgspec.json.schema_components(shared, ref_template=_REF)
    components["schemas"] |= schemas
    components["securitySchemes"] = SCHEMES
    components["responses"] = {_name(s): _refusal(s) for s in _statuses()}
    document["info"]["description"] = (
        "Carries the data of an app from a self-hosted server into the cloud. "
        "Every refusal is a problem document (RFC 9457) with a stable code."
    )
    document["tags"] = [{"name": tag} for tag in (*SURFACES, "Platform")]
    paths = {_camel(path): item for path, item in document["paths"].items()} | _objects()
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
        operation.setdefault("parameters", []).append(deepcopy(_CLAIM))
    for parameter in operation.get("parameters", []):
        _parameter(parameter, schemas)
    if body := BODIES.get((method, path)):
        operation["requestBody"] = {"required": True, "content": body}
    found = {*statuses, 500}
    if operation.get("parameters") or "requestBody" in operation:
        found.add(400)
    if "{" in path:
        found.add(404)
    if "requestBody" in operation:
        found |= {404, 413, 415}
        _examples(operation["requestBody"]["content"], schemas, "keys")
    success = operation["responses"]["200"]
    success["description"] = "Done." if "content" not in success else "What was asked for."
    success.pop("headers", None)
    if answer := ANSWERS.get((method, path)):
        success["content"] = answer
    _examples(success.get("content", {}), schemas)
    refusals = {str(s): {"$ref": f"#/components/responses/{_name(s)}"} for s in sorted(found)}
    kept = {code: each for code, each in operation["responses"].items() if code.startswith("2")}
    operation["responses"] = kept | refusals


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
    phrase = HTTPStatus(status).phrase
    code = "transfer_settled" if status == 409 else phrase.lower().replace(" ", "_")
    texts = {"expected": "what the call needs", "found": "what came", "fix": "What to do."}
    shown = {
        "type": f"urn:ferryman:error:{code}",
        "title": phrase,
        "status": status,
        "detail": "Expected what the call needs; found what came. What to do.",
        "code": code,
        **texts,
    }
    answer: dict[str, Any] = {
        "description": f"{phrase}: the code and the page on errors say more.",
        "content": {_PROBLEM: {"schema": {"$ref": _REF.format(name="Problem")}, "example": shown}},
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


def _objects() -> dict[str, Any]:
    """Signed URLs of the local store, which no handler declares: take them as they come."""
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "schema": _TEXT,
        "description": "With its query part of a signed URL, which is used as it was given.",
    }

    def call(text: str, identifier: str, **more: Any) -> dict[str, Any]:
        answer = {"content": binary} if identifier == "readObject" else {}
        partial = {"206": {"description": "The range asked for."}} if answer else {}
        return {
            "operationId": identifier,
            "tags": ["Objects"],
            "description": text,
            "parameters": [dict(key)],
            "responses": {"200": answer, **partial},
            **more,
        }

    put = call(
        "Send one part of a file to its signed URL, with exactly the headers that came with it.",
        "writePart",
        requestBody={"required": True, "content": binary},
    )
    return {
        "/objects/{key}": {
            "put": put,
            "get": call("Read a file by its signed URL, whole or by Range.", "readObject"),
            "head": call("Size and digest of a file, by its signed URL.", "statObject"),
        }
    }

"""The parts of the OpenAPI document that no handler declares.

These are security and refusals by surface, descriptions of parameters, streamed bodies, responses
in several formats, and the object URLs.
"""

from typing import Any

REF = "#/components/schemas/{name}"

SURFACES: dict[str, tuple[str, tuple[int, ...]]] = {
    "Forge": ("cloudToken", (401, 403, 409, 410, 429, 503)),
    "Connect": ("connectJwt", (401, 403, 409, 429, 503)),
    "Server": ("serverToken", (401, 403, 409, 410, 429, 503, 507)),
    "Admin": ("operatorToken", (401, 403, 409, 410, 502, 503, 504)),
    "Shared": ("sharedLink", (401, 410, 429, 503)),
    "Objects": ("", (400, 403, 404, 411, 416, 503, 507)),
}
"""By tag: the security scheme, and the statuses that any call can be refused with."""

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
        "the qsh of this request.",
    },
    "serverToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The serverToken from the app's registration.",
    },
    "operatorToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token with a role, or the content of the file operator-token in "
        "the data folder.",
    },
    "sharedLink": {
        "type": "http",
        "scheme": "bearer",
        "description": "The last part of a link to one migration, which an operator makes for the "
        "people of a customer.",
    },
}

REFERENCES = {"cloudAppKey", "customer", "migrationId", "transferId"}
"""Query parameters that name one stored thing, answered 404 if it does not exist."""

PARAMETERS = {
    "against": "The migration to compare with.",
    "appId": "The app: its id, its cloudAppKey, or cloudAppKey@environment.",
    "customer": "The key of the customer.",
    "tokenName": "The name of the access token.",
    "sinkName": "The name of the sink.",
    "transferId": "The id of the transfer.",
    "workerId": "The id of the worker process.",
    "jobId": "The id of the job.",
    "linkId": "The id of the link.",
    "sessionId": "The id of the session.",
    "fileKey": "The key of the file, from its event.",
    "s3Key": "The key of the file, from its event.",
    "uploadId": "The id of the upload, from the call that began it.",
    "checkId": "The id of the trial, from the call that began it.",
    "uploadRef": "The store's reference to the part, from the call that began the trial.",
    "migrationId": "The id of the migration.",
    "messageId": "The id of the message.",
    "cloudAppKey": "Only this app: its key, KEY@ENVIRONMENT, or its id.",
    "from": "Only items created at or after this time, in epoch milliseconds.",
    "to": "Only items created before this time, in epoch milliseconds.",
    "namespace": "A namespace of mappings, in the form family:entity.",
    "containerType": "JiraProject, ConfluenceSpace or Site.",
    "reason": "Why the file is given up: `writer_failed`, `deliberate` (default) or `superseded`.",
    "detail": "Class and place of the writer's exception, without its message.",
    "unfinished": "`abandon` gives up unfinished files; otherwise they refuse the call.",
    "pageSize": "Most items per page; in most lists the default is also the limit.",
    "cursor": "`nextCursor` of the previous page; leave it out for the first page.",
    "lastEntity": "`meta.lastEntity` of the previous page; leave it out for the first page.",
    "lastEvaluatedKey": "`lastEvaluatedKey` of the previous page; leave it out at first.",
}

CLAIM = {
    "name": "Ferryman-Claim",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The number `claims` of the claim under which the call is made; it is refused "
    "(`claim_superseded`) once another agent has claimed the transfer.",
}
"""A header of each call of the server surface on a transfer or an upload."""

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
"""Streamed request bodies, which no handler declares."""

_REPORTED = ("/admin/v1/migrations/{migrationId}", "/shared/v1")

ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("get", "/admin/v1/transfers/{transferId}/timeline"): {
        "application/json": {"schema": {"$ref": REF.format(name="TimelinePage")}},
        "text/event-stream": {"schema": _TEXT, "example": 'id: 1\nevent: started\ndata: {"…": 1}'},
    },
    ("get", "/admin/v1/events"): {
        "application/json": {"schema": {"$ref": REF.format(name="StreamPage")}},
        "text/event-stream": {"schema": _TEXT, "example": 'id: 1\nevent: started\ndata: {"…": 1}'},
    },
    **{
        ("get", f"{base}/{{transferId}}/manifest"): {
            "application/json": {"schema": {"$ref": REF.format(name="TransferManifest")}}
        }
        for base in (
            "/admin/v1/transfers",
            "/server/v1/transfers",
            "/app/migration/forge/v1/data",
            "/rest/atlassian-connect/1/migration/data",
            "/wiki/rest/atlassian-connect/1/migration/data",
        )
    },
    **{
        ("get", f"{base}/report"): {
            "application/json": {"schema": {"$ref": REF.format(name="MigrationReport")}}
        }
        for base in _REPORTED
    },
    **{
        ("get", f"{base}/report.html"): {
            "text/html": {"schema": _TEXT, "example": "<!doctype html>…"}
        }
        for base in _REPORTED
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
    ("get", "/admin/v1/audit/export"): {
        "application/x-ndjson": {"schema": _TEXT, "example": '{"seq": 1, "actor": "ann", …}\n'}
    },
    ("get", "/metrics"): {"text/plain": {"schema": _TEXT, "example": "# HELP …"}},
}
"""Responses in several formats, or without a declaring handler."""


def object_paths() -> dict[str, Any]:
    """Return the signed URLs of the local store, which no handler declares."""
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "schema": _TEXT,
        "description": "The key in a signed URL; use the URL with its query unchanged.",
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
            "head": call("Return size and digest of a file, by its signed URL.", "statObject"),
        }
    }

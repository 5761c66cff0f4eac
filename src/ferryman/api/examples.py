"""Example values by the name of a member or parameter, from which all examples are built."""

from typing import Any

_ID = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"
_OTHER_ID = "9b1c36de-7a0b-4d1c-8f57-2f3a1c0e5b44"
_SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
_AT = 1_768_212_000_000
_SITE = "https://your-site.example"

BY_NAME: dict[str, Any] = {
    **dict.fromkeys(
        ["appId", "fileKey", "key", "messageId", "migrationId", "migrationScopeId", "s3Key"], _ID
    ),
    **dict.fromkeys(["transferId", "uploadId", "checkId", "uploadRef", "lastEvaluatedKey"], _ID),
    "id": _ID,
    **{name: [_ID] for name in ("messageIds", "running", "unacknowledgedMessageIds")},
    **dict.fromkeys(["originalTransferId", "skippedBy"], _OTHER_ID),
    **dict.fromkeys(["createdAt", "startedAt", "now"], _AT),
    **dict.fromkeys(
        ["acknowledgedAt", "at", "exportCompletedAt", "returnedAt", "settledAt"], _AT + 60_000
    ),
    **dict.fromkeys(["deadline", "expiresAt", "nextAttemptAt"], _AT + 900_000),
    **dict.fromkeys(["sha256", "partsSha256", "etag"], _SHA256),
    **dict.fromkeys(["size", "fileSize", "bytes"], 8_388_608),
    **dict.fromkeys(["partSize", "minPartSize"], 8_388_608),
    **dict.fromkeys(["found", "output", "statusMessage"], "7 of 9 pages are imported"),
    "reason": "writer_failed",
    "unfinished": "abandon",
    "unfinishedFiles": 0,
    **dict.fromkeys(["error", "broken", "stage", "fix"], None),
    "accessScopes": ["MIGRATION_TRACING_IDENTITY"],
    "against": _OTHER_ID,
    "Ferryman-Claim": "1",
    "from": _AT,
    "to": _AT + 60_000,
    "agentId": "agent-1",
    "apps": ["org.example.cloud"],
    "attempts": 1,
    "checksums": ["sha256"],
    "cloudAppKey": "org.example.cloud",
    "cloudToken": "the-token-for-the-cloud-app",
    "cloudUrl": _SITE,
    "confluenceClientKey": "unknown",
    "containerType": "JiraProject",
    "cursor": "T3BhcXVlLg",
    "dependsOn": [],
    "descriptor": None,
    "detail": "ValueError at export.py:12",
    "details": {"pages": 7},
    "endpoints": ["https://app.example/migration"],
    "environment": "production",
    "eventType": "avi:ecosystem.migration:uploaded:app_data",
    "events": ["avi:ecosystem.migration:uploaded:app_data"],
    "exceptionType": "java.lang.IllegalStateException",
    "forgeAppId": None,
    "headers": {"Content-Type": "application/octet-stream"},
    "jiraClientKey": "unknown",
    "keys": ["10000", "10001"],
    "kind": "forge",
    "acknowledgement": "SUCCESS",
    "label": "pages",
    "lastEntity": "T3BhcXVlLg",
    "manifest": None,
    "maxFileSize": 50_000_000_000,
    "maxParts": 10_000,
    "md5": None,
    "message": "7 of 9 pages are imported",
    "method": "PUT",
    "mode": "virtual",
    "name": "Moving to the cloud",
    "namespace": "jira:issue",
    "namespaces": {"jira:issue": 2},
    "nextCursor": None,
    "number": 1,
    "outcome": "DELIVERED",
    "pageSize": 100,
    "percent": 70,
    "prefix": "3f3a47f2",
    "progress": 70,
    "rows": 2,
    "safeStackTrace": "at org.example.Export.run(Export.java:42)",
    "seconds": 900,
    "seq": 1,
    "serverAppKey": "org.example.server",
    "serverAppKeys": ["org.example.server"],
    "serverAppVersion": "2.1.0",
    "serverToken": "the-token-for-the-server-app",
    "sharedSecret": None,
    "source": None,
    "sourceId": "https://wiki.example",
    "status": None,
    "stored": 2,
    "suffix": "9dc6",
    "target": "on-migration",
    "transferName": None,
    "url": f"https://objects.example/{_ID}?signature=…",
    "windowSeconds": None,
}

OF_TYPE: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "object": {},
    "null": None,
}


def example(schema: dict[str, Any], components: dict[str, Any], name: str = "") -> Any:
    """Return an example of a schema; ``name`` is the member or parameter that holds the value."""
    if "$ref" in schema:
        return example(components[schema["$ref"].rpartition("/")[2]], components, name)
    if "properties" in schema:
        return {key: example(inner, components, key) for key, inner in schema["properties"].items()}
    fitting = BY_NAME.get(name, OF_TYPE)
    choices = schema.get("oneOf", [schema])
    if "enum" in schema:
        value = fitting if fitting in schema["enum"] else schema["enum"][0]
    elif any(_fits(fitting, choice) for choice in choices):
        value = fitting
    elif choices != [schema]:
        value = example(choices[0], components, name)
    elif schema.get("type") == "array":
        value = [example(schema["items"], components, name)]
    elif schema.get("additionalProperties"):
        value = {"10000": example(schema["additionalProperties"], components)}
    else:
        value = OF_TYPE.get(str(schema.get("type")))
    return value


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def _fits(value: object, schema: dict[str, Any]) -> bool:
    if value is OF_TYPE or type(value) not in _TYPES.get(str(schema.get("type")), ()):
        return False
    return not isinstance(value, list) or all(_fits(v, schema["items"]) for v in value)

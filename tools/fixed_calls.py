"""The calls that the first design fixed: outside programs rely on them, and none may go.

What was added to them since is listed in ``docs/reference/additions.md``.
"""

FORGE = """
POST /message/{transferId}/status
POST /mapping/{transferId}/find
GET /mapping/{transferId}/page
POST /log/{transferId}
GET /data/{transferId}/all
GET /data/{transferId}/page
GET /data/{fileKey}
GET /data/{fileKey}/payload
GET /container/{transferId}/page
"""
CONNECT = """
GET /webhook
PUT /webhook
DELETE /webhook
POST /progress/{transferId}
POST /mapping/{transferId}/find
GET /mapping/{transferId}/page
GET /data/{transferId}/all
GET /data/{s3Key}
GET /container/{transferId}/page
GET /transfer/recent
POST /feedback/{transferId}
GET /error/{transferId}
"""
SERVER = """
POST /listeners/claim
POST /transfers/{transferId}/app-data
POST /transfers/{transferId}/app-data/batch
POST /transfers/{transferId}/heartbeat
POST /transfers/{transferId}/returned
POST /transfers/{transferId}/complete-export
POST /transfers/{transferId}/error
POST /transfers/{transferId}/mappings/find
GET /transfers/{transferId}/mappings/page
GET /transfers/{transferId}/containers/page
GET /transfers/{transferId}/feedback
POST /uploads/{uploadId}/parts
GET /uploads/{uploadId}
POST /uploads/{uploadId}/complete
DELETE /uploads/{uploadId}
POST /uploads/complete
"""
ADMIN = """
POST /apps
POST /migrations
PUT /migrations/{migrationId}/mappings
POST /migrations/{migrationId}/start
GET /transfers/{transferId}
GET /transfers/{transferId}/timeline
POST /transfers/{transferId}/cancel
POST /transfers/{transferId}/rerun
POST /messages/{messageId}/redeliver
GET /messages/{messageId}/explain
GET /clock
POST /clock/advance
"""
BASES = {
    "/app/migration/forge/v1": FORGE,
    "/rest/atlassian-connect/1/migration": CONNECT,
    "/server/v1": SERVER,
    "/admin/v1": ADMIN,
}


def fixed_calls() -> frozenset[str]:
    """Every fixed call, as ``METHOD /path``."""
    return frozenset(
        f"{method} {base}{path}"
        for base, calls in BASES.items()
        for method, path in (line.split() for line in calls.split("\n") if line)
    )

"""The catalogue of refusals: one row for each way the platform says no.

A row stands in the table of its noun, under the name of its code without that noun. Raise it with
the values of its sentences::

    raise refusals.transfer.SETTLED(action="uploading app data", status=transfer.status)

HTTP, the OpenAPI document and the page on errors read the tables.
"""

from ferryman.refusals import (
    access,
    access_token,
    app,
    app_object,
    backup,
    command,
    customer,
    database,
    definition,
    entity,
    fault,
    function,
    job,
    key_value,
    link,
    manifest,
    mapping,
    message,
    migration,
    network,
    notice,
    object_store,
    plan,
    queue,
    recording,
    request,
    schema,
    service,
    sign_in,
    sql,
    state,
    text,
    tls,
    tool,
    transfer,
    upload,
    worker,
)
from ferryman.refusals.row import Refusal as Refusal
from ferryman.refusals.row import rows_of

PLATFORM = (
    *(
        access,
        access_token,
        app,
        app_object,
        backup,
        customer,
        database,
        entity,
        function,
        job,
        key_value,
        link,
        manifest,
        mapping,
        message,
        migration,
    ),
    *(
        notice,
        object_store,
        queue,
        request,
        schema,
        sign_in,
        sql,
        text,
        tls,
        transfer,
        upload,
        worker,
    ),
)
"""The tables of the platform, whose refusals calls may get."""

CLIENT = (command, definition, fault, network, plan, recording, service, state, tool)
"""The tables of the command line, whose refusals only a terminal shows."""

PLATFORM_ROWS = tuple(row for table in PLATFORM for row in rows_of(table))
CLIENT_ROWS = tuple(row for table in CLIENT for row in rows_of(table))

"""What several surfaces share: query parameters by their names on the wire, and a limit."""

from typing import Annotated

from litestar.params import Parameter

LastEntity = Annotated[str | None, Parameter(query="lastEntity", required=False)]
PageSize = Annotated[int | None, Parameter(query="pageSize", required=False)]
LastKey = Annotated[str | None, Parameter(query="lastEvaluatedKey", required=False)]
Type = Annotated[str, Parameter(query="containerType")]
Cursor = Annotated[str | None, Parameter(query="cursor", required=False)]

LONG_LIST_BYTES = 8 << 20
"""Body of the calls that list up to 10,000 things, such as the parts of a file."""

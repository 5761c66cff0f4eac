"""Query parameters that several surfaces share, by their names on the wire."""

from typing import Annotated

from litestar.params import Parameter

LastEntity = Annotated[str | None, Parameter(query="lastEntity", required=False)]
PageSize = Annotated[int | None, Parameter(query="pageSize", required=False)]
LastKey = Annotated[str | None, Parameter(query="lastEvaluatedKey", required=False)]
Type = Annotated[str, Parameter(query="containerType")]
Cursor = Annotated[str | None, Parameter(query="cursor", required=False)]

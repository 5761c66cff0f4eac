"""Parameters that pages share, by their names in a page's address."""

from collections.abc import Sequence
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ferryman.console.visit import Visit

OwnVisit = NamedDependency[Visit]
Id = FromPath[str]
Cursor = Annotated[str, QueryParameter(name="cursor")]
Status = Annotated[str, QueryParameter(name="status")]
State = Annotated[str, QueryParameter(name="state")]
App = Annotated[str, QueryParameter(name="app")]
Environment = Annotated[str, QueryParameter(name="environment")]
Site = Annotated[str, QueryParameter(name="site")]
Cause = Annotated[str, QueryParameter(name="cause")]
Text = Annotated[str, QueryParameter(name="text")]
Sort = Annotated[str, QueryParameter(name="sort")]
Stuck = Annotated[str, QueryParameter(name="stuck")]
Customer = Annotated[str, QueryParameter(name="customer")]
Archive = Annotated[str, QueryParameter(name="archived")]
Columns = Annotated[list[str] | None, QueryParameter(name="columns")]


def shown_of(columns: Sequence[str], chosen: Sequence[str] | None) -> list[str]:
    """Return the chosen columns of a list, in the order of the list."""
    return [each for each in columns if chosen and each in chosen]

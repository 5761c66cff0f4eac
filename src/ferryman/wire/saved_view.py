"""Views of lists that people keep under a name (admin surface)."""

from ferryman.wire.base import Wire


class SavedView(Wire, frozen=True, forbid_unknown_fields=True):
    """A view: the ``query`` of a ``page`` of the console, which is ``migrations`` or ``messages``.

    The query is percent-encoded, without a question mark.
    """

    page: str
    name: str
    query: str


class SavedViewName(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/views/remove``."""

    page: str
    name: str


class SavedViews(Wire, frozen=True):
    """The views of whoever asks, by page and name."""

    items: list[SavedView]

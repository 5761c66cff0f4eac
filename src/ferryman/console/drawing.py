"""Draw the shapes of a picture as SVG: a page has a thousand, too many for a template."""

from collections.abc import Sequence
from urllib.parse import urlencode

from markupsafe import Markup, escape

from ferryman.console.picture import BinShape, Shape
from ferryman.console.words import plain
from ferryman.console.zoom import Zoom
from ferryman.wire.overview import TimelinePart


def drawn(shapes: Sequence[Shape], base: str, on: int | None) -> Markup:
    """Return the shapes of a lane as links to their entries; ``on`` is the entry chosen.

    ``base`` is a link that one more parameter can be added to.
    """
    page = escape(base)
    return Markup("\n").join([_drawn(each, page, each.mark.seq == on) for each in shapes])


def drawn_bins(shapes: Sequence[BinShape], base: str) -> Markup:
    """Return the bins of a lane as links to their part of the time."""
    page = escape(base)
    return Markup("\n").join([_drawn_bin(each, page) for each in shapes])


def zoomed(part: TimelinePart) -> str:
    """Return the parameters of the link to a part of the time."""
    return urlencode(Zoom(part.at, part.end).query)


def _drawn_bin(shape: BinShape, page: str) -> Markup:
    title = escape(plain(shape.bin.title))
    part = escape(urlencode(Zoom(shape.bin.start, shape.bin.end).query))
    good = _bar(shape, shape.y, shape.height - shape.failed, "run")
    bad = _bar(shape, shape.y + shape.height - shape.failed, shape.failed, "bad")
    # As below.
    return Markup(  # noqa: S704
        f'<a href="{page}{part}" tabindex="-1" class="bin" aria-label="{title}">{good}{bad}'
        f"<title>{title}</title></a>"
    )


def _bar(shape: BinShape, y: float, height: float, tone: str) -> str:
    if height <= 0:
        return ""
    return (
        f'<rect class="{tone}" x="{shape.x:.1f}" y="{y:.1f}" width="{shape.width:.1f}" '
        f'height="{height:.1f}"/>'
    )


def _drawn(shape: Shape, page: str, on: bool) -> Markup:
    mark = shape.mark
    title = escape(plain(mark.title))
    tone = f"{escape(mark.tone)}{' on' if on else ''}"
    # Only numbers of ours stand beside what was escaped.
    return Markup(  # noqa: S704
        f'<a href="{page}entry={mark.seq}#chosen" tabindex="-1" class="{tone}" '
        f'aria-label="{title}">{_form(shape)}<title>{title}</title></a>'
    )


def _form(shape: Shape) -> str:
    x, y = shape.x, shape.y
    if shape.mark.is_bar:
        return (
            f'<rect x="{round(x, 1)}" y="{round(y, 1)}" width="{round(shape.width, 1)}" '
            'height="8" rx="2"/>'
        )
    if shape.mark.tone == "bad":
        return f'<path d="M{round(x + 1, 1)} {y}l6 8m0 -8l-6 8" class="cross"/>'
    return f'<circle cx="{round(x + 4, 1)}" cy="{y + 4}" r="3.5"/>'

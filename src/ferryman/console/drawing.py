"""Draw the shapes of a picture as SVG: a page has a thousand, too many for a template."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from ferryman.console.picture import Shape
from ferryman.console.words import plain


def drawn(shapes: Sequence[Shape], base: str, on: int | None) -> Markup:
    """Return the shapes of a lane as links to their entries; ``on`` is the entry chosen."""
    page = escape(base)
    return Markup("\n").join([_drawn(each, page, each.mark.seq == on) for each in shapes])


def _drawn(shape: Shape, page: str, on: bool) -> Markup:
    mark = shape.mark
    title = escape(plain(mark.title))
    tone = f"{escape(mark.tone)}{' on' if on else ''}"
    # Only numbers of ours stand beside what was escaped.
    return Markup(  # noqa: S704
        f'<a href="{page}?entry={mark.seq}#chosen" tabindex="-1" class="{tone}" '
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

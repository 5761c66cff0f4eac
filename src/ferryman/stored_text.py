"""Which texts can be stored; a listener that is rehearsed is held to the same rule."""

from ferryman import refusals

LABEL_CHARACTERS = 1_024
"""Length of a file's label; ours, undocumented."""


def check_text(name: str, text: str, *, longest: int) -> str:
    """Return ``text``; refuse more than ``longest`` characters, NUL, and lone surrogates."""
    if len(text) > longest:
        raise refusals.text.TOO_LONG[name](field=name, longest=longest, length=len(text))
    if "\x00" in text or not (text.isascii() or _encodable(text)):
        raise refusals.text.INVALID[name](field=name)
    return text


def check_file_texts(label: str | None, resume_key: str | None) -> None:
    """Refuse the label or resume key of a file that is too long, or that nothing can store."""
    check_text("label", label or "", longest=LABEL_CHARACTERS)
    check_text("resumeKey", resume_key or "", longest=LABEL_CHARACTERS)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

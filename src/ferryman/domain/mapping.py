"""Rules of mappings: how long they live, which form keys have, and counting those not found."""

import heapq
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from hashlib import blake2b

from ferryman.domain.limits import IDENTITY_MAPPING_LIFE, PRODUCT_MAPPING_LIFE

_NAMESPACE = re.compile(r"[^\s:/][^\s:]*:[^\s:]+")


@dataclass(slots=True)
class Rows:
    """Mappings to be loaded, column by column: the same place in each list is one mapping."""

    namespaces: list[str]
    server_keys: list[str]
    cloud_keys: list[str]

    def add(self, namespaces: list[str], server_keys: list[str], cloud_keys: list[str]) -> None:
        """More of them, behind the others."""
        self.namespaces += namespaces
        self.server_keys += server_keys
        self.cloud_keys += cloud_keys


def is_namespace(text: str) -> bool:
    """Whether it has the form ``family[/variant[/sub]]:entity``, listed or not (mappings)."""
    return _NAMESPACE.fullmatch(text) is not None


def life(namespace: str) -> timedelta:
    """How long a mapping can be read after it was last written (mapping-life)."""
    identity = re.match(r"identity[:/]", namespace) is not None
    return IDENTITY_MAPPING_LIFE if identity else PRODUCT_MAPPING_LIFE


@dataclass(frozen=True, slots=True)
class KeyForm:
    """The form that server keys of a namespace have; ``prefixes`` are those to choose from."""

    expected: str
    pattern: re.Pattern[str]
    prefixes: tuple[str, ...] = ()


# Other products than the two that are documented may have users too, such as trac.username/ann.
_USER = KeyForm(
    "email/<mail>, jira.userkey/<key>, jira.username/<name> or confluence.userkey/<key>",
    re.compile(r"(?!confluence\.username/)(?:email|[a-z][\w-]*\.user(?:key|name))/.+", re.S),
    ("email/<mail>", "jira.userkey/<key>", "jira.username/<name>", "confluence.userkey/<key>"),
)
_GROUP = KeyForm(
    "identity:group:name/<name>",
    re.compile(r"identity:group:name/.+", re.S),
    ("identity:group:name/<name>",),
)
_NUMBER = KeyForm("a numeric id, such as 10042", re.compile(r"[0-9]+"))

_JIRA = (
    "comment fileAttachment filter issue issueLink issueLinkType portalPage priority"
    " projectCategory projectComponent projectRole projectVersion resolution"
)
FORMS: dict[str, KeyForm] = {
    "identity:user": _USER,
    "identity:group": _GROUP,
    **{f"jira:{entity}": _NUMBER for entity in _JIRA.split()},
    "confluence:page": _NUMBER,
    "confluence:space": _NUMBER,
}
"""Of the namespaces whose keys are documented (mappings); keys of others may be anything."""


def wrong_keys(namespace: str, keys: Sequence[str]) -> list[str]:
    """Those that no mapping of this namespace can have, by their form."""
    form = FORMS.get(namespace)
    if form is None:
        return [] if is_namespace(namespace) else list(keys)
    if form is _NUMBER:
        together = "".join(keys)  # millions of ids: one look at all of them costs next to nothing
        if together.isascii() and together.isdigit():
            return []
    return [key for key in keys if not form.pattern.fullmatch(key)]


def expected_form(namespace: str) -> str:
    """Of the keys of a namespace, for people."""
    form = FORMS.get(namespace)
    return form.expected if form else "a namespace of the form family:entity"


def form_heads(namespace: str) -> list[str]:
    """What keys of a namespace may begin with, where there are several forms, as ``email/``."""
    form = FORMS.get(namespace)
    return [_head(each) for each in form.prefixes] if form else []


def nearest_form(namespace: str, key: str, loaded: Collection[str] = ()) -> str | None:
    """The documented form that a key of the wrong form is most like.

    Of the heads of forms that are ``loaded``, if any is: a key of another form finds nothing.
    """
    form = FORMS.get(namespace)
    if form is None:
        near = get_close_matches(namespace, FORMS, n=1)
        return near[0] if near else None
    if not form.prefixes:
        return form.expected
    choice = [each for each in form.prefixes if _head(each) in loaded] or form.prefixes
    prefix, slash, _ = key.partition("/")
    if not slash:
        likely = form.prefixes[0] if "@" in key or len(form.prefixes) == 1 else form.prefixes[2]
        return likely if likely in choice else choice[0]
    known = {each.partition("/")[0]: each for each in choice}
    near = get_close_matches(prefix.lower(), known, n=1, cutoff=0)
    return known[near[0]]


def _head(form: str) -> str:
    return form.partition("<")[0]


SAMPLE_KEYS = 100
"""Distinct keys kept of those asked for in vain; up to here their number is exact."""

_LONGEST_SAMPLE = 200
_DIGEST_BYTES = 8
_DIGESTS = 1 << 8 * _DIGEST_BYTES


def sample(*groups: Iterable[str]) -> list[str]:
    """The keys with the least digests: the same ones, in whatever order keys come.

    Every key is as likely to be among them as any other, and one that was asked for again
    changes nothing, so that a sample that is full hardly ever has to be written.
    """
    distinct = {key[:_LONGEST_SAMPLE] for group in groups for key in group}
    return heapq.nsmallest(SAMPLE_KEYS, distinct, key=_digest)


def estimate(kept: Sequence[str]) -> int:
    """How many distinct keys a sample stands for; within a tenth or so once it is full.

    The greatest of k least digests lies where k of n evenly spread ones would reach.
    """
    if len(kept) < SAMPLE_KEYS:
        return len(kept)
    reached = _digest(max(sample(kept), key=_digest)) / _DIGESTS
    return max(SAMPLE_KEYS, round((SAMPLE_KEYS - 1) / reached))


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=_DIGEST_BYTES).digest(), "big")

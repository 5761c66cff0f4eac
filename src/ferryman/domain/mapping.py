"""Rules for mappings: their lifetime, the form of their keys, and estimates of missing keys."""

import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from hashlib import blake2b

from ferryman.domain.limits import IDENTITY_MAPPING_LIFE, PRODUCT_MAPPING_LIFE

_NAMESPACE = re.compile(r"[^\s:/][^\s:]*:[^\s:]+")


@dataclass(slots=True)
class Rows:
    """Mappings to load, column by column: equal positions in the lists make up one mapping."""

    namespaces: list[str]
    server_keys: list[str]
    cloud_keys: list[str]

    def __len__(self) -> int:
        """Return the number of mappings."""
        return len(self.namespaces)

    def names(self) -> set[str]:
        """Return the namespaces."""
        return set(self.namespaces)

    def counts(self) -> Counter[str]:
        """Return the number of mappings by namespace."""
        return Counter(self.namespaces)

    def rows(self) -> "Rows":
        """Return itself, as any batch can be had column by column."""
        return self

    def add(self, namespaces: list[str], server_keys: list[str], cloud_keys: list[str]) -> None:
        """Append more mappings."""
        self.namespaces += namespaces
        self.server_keys += server_keys
        self.cloud_keys += cloud_keys


def is_namespace(text: str) -> bool:
    """Return whether ``text`` has the form ``family[/variant[/sub]]:entity`` (mappings)."""
    return _NAMESPACE.fullmatch(text) is not None


def life(namespace: str) -> timedelta:
    """Return how long a mapping can be read after it was last written (mapping-life)."""
    identity = re.match(r"identity[:/]", namespace) is not None
    return IDENTITY_MAPPING_LIFE if identity else PRODUCT_MAPPING_LIFE


@dataclass(frozen=True, slots=True)
class KeyForm:
    """The form of a namespace's server keys, and the ``prefixes`` to choose from."""

    expected: str
    pattern: re.Pattern[str]
    prefixes: tuple[str, ...] = ()


# Products other than the two documented ones may have users too, such as trac.username/ann.
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
NUMBER = KeyForm("a numeric id, such as 10042", re.compile(r"[0-9]+"))

_JIRA = (
    "comment fileAttachment filter issue issueLink issueLinkType portalPage priority"
    " projectCategory projectComponent projectRole projectVersion resolution"
)
FORMS: dict[str, KeyForm] = {
    "identity:user": _USER,
    "identity:group": _GROUP,
    **{f"jira:{entity}": NUMBER for entity in _JIRA.split()},
    "confluence:page": NUMBER,
    "confluence:space": NUMBER,
}
"""Forms by namespace, for those with documented keys (mappings); other keys may be anything."""


def wrong_keys(namespace: str, keys: Sequence[str]) -> list[str]:
    """Return the keys that no mapping of this namespace can have because of their form."""
    form = FORMS.get(namespace)
    if form is None:
        return [] if is_namespace(namespace) else list(keys)
    if form is NUMBER:
        together = "".join(keys)  # with millions of ids, one check of all costs next to nothing
        if together.isascii() and together.isdigit():
            return []
    return [key for key in keys if not form.pattern.fullmatch(key)]


def expected_form(namespace: str) -> str:
    """Return the form of a namespace's keys as text for people."""
    form = FORMS.get(namespace)
    return form.expected if form else "a namespace of the form family:entity"


def form_heads(namespace: str) -> list[str]:
    """Return the prefixes of a namespace's keys, such as ``email/``, if it has several forms."""
    form = FORMS.get(namespace)
    return [_head(prefix) for prefix in form.prefixes] if form else []


@dataclass(frozen=True, slots=True)
class Loaded:
    """Namespaces with mappings, and the prefixes of one namespace's keys, such as ``email/``."""

    namespaces: Collection[str] = ()
    heads: Collection[str] = ()


def nearest_form(namespace: str, key: str, loaded: Loaded | None = None) -> str | None:
    """Return the key form closest to a malformed key, or the namespace that was probably meant.

    Prefers forms that are ``loaded``, since a key that nobody loaded is not found either.
    """
    loaded = loaded or Loaded()
    form = FORMS.get(namespace)
    if form is None:
        choices = (loaded.namespaces, FORMS)
        near = (each for choice in choices for each in get_close_matches(namespace, choice, n=1))
        return next(near, None)
    if not form.prefixes:
        return form.expected
    choice = _loaded_forms(form, loaded.heads) or list(form.prefixes)
    prefix, slash, _ = key.partition("/")
    if not slash:
        meant = "<mail>" if "@" in key else "<name>"
        return next((each for each in choice if each.endswith(meant)), choice[0])
    by_prefix = {each.partition("/")[0]: each for each in choice}
    return by_prefix[get_close_matches(prefix.lower(), by_prefix, n=1, cutoff=0)[0]]


def _loaded_forms(form: KeyForm, heads: Collection[str]) -> list[str]:
    """Return the forms of loaded keys, documented ones first."""
    documented = [each for each in form.prefixes if _head(each) in heads]
    documented_heads = {_head(each) for each in documented}
    others = sorted(each for each in heads if each not in documented_heads)
    return documented + [
        f"{head}<{'key' if head.endswith('key/') else 'name'}>"
        for head in others
        if form.pattern.fullmatch(f"{head}x")
    ]


def _head(form: str) -> str:
    return form.partition("<")[0]


SAMPLE_KEYS = 100
"""Distinct missing keys to keep; up to this many, the estimate is exact."""

_LONGEST_SAMPLE = 200
_DIGEST_BYTES = 8
_DIGESTS = 1 << 8 * _DIGEST_BYTES


def sample(*groups: Iterable[str]) -> list[str]:
    """Return a bottom-k sketch: the keys with the smallest digests, independent of their order.

    Every key is equally likely to be in it, and a repeated key changes nothing, so a full sketch
    hardly ever has to be written again.
    """
    distinct = {key[:_LONGEST_SAMPLE] for group in groups for key in group}
    return heapq.nsmallest(SAMPLE_KEYS, distinct, key=_digest)


def estimate(kept: Sequence[str]) -> int:
    """Estimate the number of distinct keys from a sketch, within about a tenth once it is full.

    With n evenly spread digests, the k-th smallest lies at about k/n of their range.
    """
    if len(kept) < SAMPLE_KEYS:
        return len(kept)
    reached = _digest(max(sample(kept), key=_digest)) / _DIGESTS
    return max(SAMPLE_KEYS, round((SAMPLE_KEYS - 1) / reached))


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=_DIGEST_BYTES).digest(), "big")

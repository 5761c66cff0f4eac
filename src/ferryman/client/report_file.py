"""Verify reports of migrations offline, in one pass: all bytes, and the JSON within a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from ferryman import refusals
from ferryman.client.signature import PublicKey, claims_of, read_keys
from ferryman.wire.report import (
    AUDIENCE,
    HTML_BEGIN,
    HTML_END,
    HTML_SIGNATURE,
    SIGNATURE_LINE,
    VERSION,
    LineReader,
    ReportHead,
)

_ISSUER = "ferryman"
_LINE_BYTES = 16 << 20
"""The longest line that is read; those of a report are far below."""


@dataclass(frozen=True, slots=True)
class VerifiedReport:
    """Head of a report, and the key that signed it."""

    form: str
    head: ReportHead
    kid: str
    items: dict[str, int]


def keys_from(file: Path) -> dict[str, PublicKey]:
    """Read public keys; raises ``ConfigError`` (``report_keys_invalid``)."""
    try:
        return read_keys(file.read_bytes())
    except ValueError as fault:
        raise refusals.command.REPORT_KEYS_INVALID(found=str(fault)) from None


def verify_report(file: Path, keys: Mapping[str, PublicKey]) -> VerifiedReport:
    """Verify a report, as JSON or as a page; raises ``ConfigError`` (``report_invalid``)."""
    try:
        with file.open("rb") as source:
            return _verified(iter(lambda: source.readline(_LINE_BYTES), b""), keys)
    except (ValueError, msgspec.DecodeError) as fault:
        raise refusals.command.REPORT_INVALID(found=str(fault)) from None


@dataclass(slots=True)
class _Json:
    """The JSON that is being read."""

    digest: Any = field(default_factory=sha256)
    reader: LineReader = field(default_factory=LineReader)
    head: ReportHead | None = None
    items: dict[str, int] = field(default_factory=dict)
    signature: bytes = b""

    def take(self, line: bytes) -> None:
        if line.startswith(SIGNATURE_LINE):
            self.signature = line
            return
        if self.signature:
            raise ValueError("bytes after the signature")
        self.digest.update(line)
        found = self.reader.read(line)
        if isinstance(found, ReportHead):
            self.head = found
        elif found is not None and not isinstance(found, str):
            section = self.reader.section or ""
            self.items[section] = self.items.get(section, 0) + 1


def _verified(lines: Iterable[bytes], keys: Mapping[str, PublicKey]) -> VerifiedReport:
    page, json, last = sha256(), _Json(), b""
    is_page: bool | None = None
    inside = False
    for line in lines:
        if is_page is None:
            is_page = line.startswith(b"<")
        if not is_page:
            json.take(line)
            continue
        # The last line is no part of the digest that it signs.
        page.update(last)
        last = line
        if line == HTML_BEGIN and json.head is None:
            inside = True
        elif line == HTML_END:
            inside = False
        elif inside:
            json.take(line)
    told = json.signature.removeprefix(SIGNATURE_LINE).removesuffix(b'"}\n')
    if json.head is None or not told or not json.signature.endswith(b'"}\n'):
        raise ValueError("no report, or one that was cut off before its signature")
    claims = _check(told, "json", json.digest.hexdigest(), json.head, keys)
    if is_page:
        if not (last.startswith(HTML_SIGNATURE) and last.endswith(b" -->\n")):
            raise ValueError("a page that was cut off before its signature, or has bytes after it")
        signature = last.removeprefix(HTML_SIGNATURE).removesuffix(b" -->\n")
        claims = _check(signature, "html", page.hexdigest(), json.head, keys)
    return VerifiedReport("html" if is_page else "json", json.head, claims["kid"], json.items)


def _check(
    token: bytes, form: str, digest: str, head: ReportHead, keys: Mapping[str, PublicKey]
) -> dict[str, Any]:
    claims = claims_of(token.decode("ascii", "replace"), keys)
    if claims.get("iss") != _ISSUER or claims.get("aud") != AUDIENCE or claims.get("form") != form:
        raise ValueError("a signature over something else than such a report")
    if claims.get("sha256") != digest:
        what = "the page" if form == "html" else "the report"
        raise ValueError(
            f"other bytes than were signed: {what} has the sha256 {digest}, and "
            f"{claims.get('sha256')} was signed"
        )
    if head.version != VERSION:
        raise ValueError(f"a report of version {head.version}")
    facts = (head.migration.migration_id, head.made_at)
    if (claims.get("migrationId"), claims.get("madeAt")) != facts:
        raise ValueError("a signature of another report")
    return claims

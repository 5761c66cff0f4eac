"""Issue access tokens, add and delete customers, and rotate the signing keys."""

from typing import Any

from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.wire.access_token import IssuedToken, TokenPage, TokenRequest, TokenRotation
from ferryman.wire.customer import (
    CustomerExport,
    CustomerPage,
    CustomerRequest,
    CustomerView,
    ExpungeReceipt,
    StoredReceipt,
)
from ferryman.wire.key import KeyRotation, KeySet, SealedSecrets
from ferryman.wire.session import SessionPage, SessionView

_TOKENS = f"{BASE}/tokens"
_SESSIONS = f"{BASE}/sessions"
_CUSTOMERS = f"{BASE}/customers"
_KEYS = f"{BASE}/keys"


class Tokens:
    """The access tokens of people and programs, by name."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def create(self, request: TokenRequest) -> IssuedToken:
        """Issue a token; only this answer has its secret."""
        return self._http.post(_TOKENS, IssuedToken, request)

    def list(self, cursor: str | None, size: int) -> TokenPage:
        """List tokens, oldest first, also those that were revoked."""
        return self._http.get(_TOKENS, TokenPage, {"cursor": cursor, "pageSize": size})

    def rotate(self, name: str, rotation: TokenRotation) -> IssuedToken:
        """Give a token a new secret; the old one works until the overlap ends."""
        return self._http.post(f"{_TOKENS}/{segment(name)}/rotate", IssuedToken, rotation)

    def revoke(self, name: str) -> TokenPage:
        """Revoke all secrets of a token; return them."""
        return self._http.post(f"{_TOKENS}/{segment(name)}/revoke", TokenPage)


class SignedIn:
    """The sessions of the console."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(self, cursor: str | None, size: int) -> SessionPage:
        """List who is signed in, oldest first."""
        return self._http.get(_SESSIONS, SessionPage, {"cursor": cursor, "pageSize": size})

    def end(self, session_id: str) -> SessionView:
        """End a session; every replica refuses it within 5 seconds."""
        return self._http.post(f"{_SESSIONS}/{segment(session_id)}/end", SessionView)


class Customers:
    """The customers, who own migrations, sites and mappings."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def create(self, customer: str) -> CustomerView:
        """Add a customer; its key cannot be changed."""
        return self._http.post(_CUSTOMERS, CustomerView, CustomerRequest(customer=customer))

    def list(self, cursor: str | None, size: int) -> CustomerPage:
        """List the customers that the token is valid for, by key."""
        return self._http.get(_CUSTOMERS, CustomerPage, {"cursor": cursor, "pageSize": size})

    def begin_export(self, customer: str) -> CustomerExport:
        """Say that all of a customer is being read."""
        return self._http.post(f"{_CUSTOMERS}/{segment(customer)}/export", CustomerExport)

    def expunge(self, customer: str) -> ExpungeReceipt:
        """Delete a customer with all it owns; returns when that is done."""
        path = f"{_CUSTOMERS}/{segment(customer)}/expunge"
        return self._http.post(path, ExpungeReceipt, timeout=LONG_SECONDS)

    def receipt(self, customer: str) -> StoredReceipt:
        """Get the signed receipt of the last time that a customer was deleted."""
        return self._http.get(f"{_CUSTOMERS}/{segment(customer)}/receipt", StoredReceipt)


class Keys:
    """The keys that sign the platform's tokens."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(self) -> KeySet:
        """List the keys whose signatures count."""
        return self._http.get(_KEYS, KeySet)

    def public(self) -> dict[str, Any]:
        """Get the public keys as a JWK set."""
        return self._http.get("/.well-known/jwks.json", dict[str, Any])

    def rotate(self, grace_seconds: int) -> KeySet:
        """Sign with a new key; the old one counts for a grace period."""
        return self._http.post(f"{_KEYS}/rotate", KeySet, KeyRotation(grace_seconds=grace_seconds))

    def seal(self) -> SealedSecrets:
        """Encrypt all stored secrets again with the first key of the settings."""
        return self._http.post(f"{_KEYS}/seal", SealedSecrets)

"""Settings of an identity provider that could let the wrong people in are refused at the start."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from ferryman.config import Settings

GOOD = {
    "FERRYMAN_OIDC_ISSUER": "https://login.example",
    "FERRYMAN_OIDC_CLIENT_ID": "ferryman",
    "FERRYMAN_OIDC_ROLES": '{"ops": {"role": "operator", "customers": ["acme"]}}',
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_provider_is_read_from_variables(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FERRYMAN_OIDC_CLIENT_SECRET", "hidden")
    settings = Settings()
    assert settings.oidc_roles["ops"].customers == ("acme",)
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize("issuer", ["http://login.example", "ftp://x", "login.example", "https://"])
def test_an_issuer_that_others_could_pretend_to_be_is_refused(
    environment: pytest.MonkeyPatch, issuer: str
) -> None:
    environment.setenv("FERRYMAN_OIDC_ISSUER", issuer)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    "grant",
    [
        {"role": "metrics"},
        {"role": "owner"},
        {"role": "admin", "customers": ["acme"]},
        {"role": "viewer", "customers": []},
        {"role": "viewer", "apps": ["a"]},
        {"role": "app-owner"},
        {"role": "app-owner", "apps": []},
        {"role": "viewer", "customer": ["acme"]},
        {},
    ],
)
def test_a_grant_that_no_token_could_have_is_refused(
    environment: pytest.MonkeyPatch, grant: dict[str, Any]
) -> None:
    """A misspelt limit too: it must not become no limit."""
    environment.setenv("FERRYMAN_OIDC_ROLES", json.dumps({"g": grant}))
    with pytest.raises((ValidationError, SettingsError)):
        Settings()


@pytest.mark.parametrize("missing", GOOD)
def test_a_provider_is_set_as_a_whole(environment: pytest.MonkeyPatch, missing: str) -> None:
    environment.delenv(missing)
    with pytest.raises(ValidationError):
        Settings()

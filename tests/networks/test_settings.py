"""The variables of proxies and authorities, without any network."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ferryman.errors import ConfigError
from ferryman.network.certificate import read_certificate
from ferryman.network.proxies import Proxies, Proxy
from ferryman.network.trust import function_variables, tls_context
from tests.networks.authority import Authority
from tests.networks.proxy_cases import CHOSEN, DIRECT, LOGIN, LOGIN_HEADER, PROXY, WRONG


@pytest.mark.parametrize(("variables", "url", "expected"), CHOSEN)
def test_which_proxy(variables: dict[str, str], url: str, expected: str | None) -> None:
    found = Proxies.from_environment(variables).of(url)
    assert (None if found is None else found.url) == expected


@pytest.mark.parametrize(("no_proxy", "url", "direct"), DIRECT)
def test_what_is_reached_directly(no_proxy: str, url: str, direct: bool) -> None:
    variables = {"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert (Proxies.from_environment(variables).of(url) is None) == direct


def test_a_login_is_sent_unescaped_in_utf_8_and_shown_nowhere() -> None:
    proxy = Proxies(https=LOGIN).of("https://a.example")
    assert proxy is not None
    assert proxy.login == "us@er:p:ss wörd"
    assert proxy.headers == {"Proxy-Authorization": LOGIN_HEADER}
    for shown in (str(proxy), repr(proxy), proxy.url):
        assert "ss" not in shown
        assert "us" not in shown
    assert Proxy("http", "proxy.example", 3128).headers == {}


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_setting_is_told_without_its_password(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Proxies(https=given).of("https://a.example")
    assert caught.value.code == "proxy_invalid"
    assert "secret" not in str(caught.value)
    # It is nobody's business where no proxy is asked.
    assert Proxies(https=given).of("https://localhost") is None


@pytest.mark.parametrize(
    ("content", "found"),
    [(None, "No such file"), ("", "no certificate in PEM"), ("hello", "no certificate in PEM")],
)
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_authorities_that_cannot_be_used(
    tmp_path: Path, variable: str, content: str | None, found: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"in {variable}; found {found}.*{file}"):
        tls_context({variable: str(file)})


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_is_added(tmp_path: Path, variable: str) -> None:
    authority = Authority(tmp_path, "Harbour Root")
    trusted = tls_context({variable: str(authority.file)}).get_ca_certs()
    assert any("Harbour Root" in str(each["subject"]) for each in trusted)


def test_functions_get_the_same_authorities() -> None:
    assert function_variables({}) == {}
    assert function_variables({"SSL_CERT_FILE": "/a", "HOME": "/h"}) == {
        "SSL_CERT_FILE": "/a",
        "NODE_EXTRA_CA_CERTS": "/a",
    }
    both = {"NODE_EXTRA_CA_CERTS": "/n", "SSL_CERT_FILE": "/a"}
    assert function_variables(both) == {"SSL_CERT_FILE": "/a", "NODE_EXTRA_CA_CERTS": "/a"}
    assert function_variables({"NODE_EXTRA_CA_CERTS": "/n", "REQUESTS_CA_BUNDLE": "/r"}) == {
        "NODE_EXTRA_CA_CERTS": "/n",
        "REQUESTS_CA_BUNDLE": "/r",
    }


def test_certificates_are_read_as_others_read_them(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "Härbour Root")
    whole = authority.issue("platform.example").read_bytes()
    theirs = x509.load_pem_x509_certificate(whole)
    ours = read_certificate(theirs.public_bytes(serialization.Encoding.DER))
    assert (ours.subject, ours.issuer) == ("platform.example", "Härbour Root")
    assert ours.begins == theirs.not_valid_before_utc
    assert ours.ends == theirs.not_valid_after_utc


@pytest.mark.parametrize("data", [b"", b"0", b"0\x80", b"0\x03abc", b"\x30\x84\xff\xff\xff\xff"])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        read_certificate(data)


def test_functions_get_files_and_no_links_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "link.pem").symlink_to("ca.pem")
    monkeypatch.chdir(tmp_path)
    found = function_variables({"SSL_CERT_FILE": "link.pem"})
    assert set(found.values()) == {str(tmp_path.resolve() / "ca.pem")}

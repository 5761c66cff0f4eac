"""Secrets are sealed with a key, and opened with the one that sealed them."""

import base64
from pathlib import Path

import pytest

from ferryman.errors import ConfigError
from ferryman.secret_box import PLAIN, SecretBox

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
OLD_TEXT, NEW_TEXT = (base64.b64encode(key).decode() for key in (OLD, NEW))


@pytest.mark.parametrize("value", [b"", b"\0", b"secret", b"x" * 5000])
def test_what_is_sealed_is_opened(value: bytes) -> None:
    box = SecretBox((OLD,))
    sealed = box.seal(value)
    assert len(value) < 4 or value not in sealed  # a byte may be anywhere by chance
    assert box.open(sealed) == value
    assert box.seal(value) != sealed
    assert SecretBox((NEW, OLD)).open(sealed) == value


def test_without_a_key_values_stay_and_later_ones_are_still_read() -> None:
    assert PLAIN.seal(b"secret") == b"secret"
    assert PLAIN.seal_text("secret") == "secret"
    assert SecretBox((OLD,)).open(b"secret") == b"secret"
    assert SecretBox((OLD,)).open_text("secret") == "secret"
    assert SecretBox((OLD,)).open_text(None) is None


def test_texts() -> None:
    box = SecretBox((NEW, OLD))
    sealed = box.seal_text("geheimnis \N{SNOWMAN}")
    assert sealed is not None
    assert sealed.isascii()
    assert box.open_text(sealed) == "geheimnis \N{SNOWMAN}"
    assert box.seal_text(None) is None


def test_the_wrong_key_is_named() -> None:
    sealed = SecretBox((OLD,)).seal(b"secret")
    for box in (PLAIN, SecretBox((NEW,))):
        with pytest.raises(ConfigError, match="secret_key_missing"):
            box.open(sealed)


@pytest.mark.parametrize("place", [30, 40, -1])
def test_a_changed_value_is_refused(place: int) -> None:
    box = SecretBox((OLD,))
    sealed = bytearray(box.seal(b"secret of an app"))
    sealed[place] ^= 1
    with pytest.raises(ConfigError, match="secret_damaged"):
        box.open(bytes(sealed))
    with pytest.raises(ConfigError, match="secret_damaged"):
        box.open(bytes(sealed[:30]))
    with pytest.raises(ConfigError, match="secret_damaged"):
        box.open_text("sealed:%%%")


def test_keys_come_from_a_setting_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{NEW_TEXT}\n{OLD_TEXT}\n")
    assert SecretBox.of(None, file).keys == (NEW, OLD)
    assert SecretBox.of(OLD_TEXT, None).keys == (OLD,)
    assert SecretBox.of(None, None).keys == ()
    for given, path in (
        ("", None),
        ("short", None),
        (OLD_TEXT[:-4], None),
        ("not base64!", None),
        ("Schlüssel", None),
        (f"\ufeff{OLD_TEXT}", None),
        (OLD_TEXT, file),
        (None, tmp_path / "nowhere"),
    ):
        with pytest.raises(ConfigError, match="secret_key_invalid") as caught:
            SecretBox.of(given, path)
        assert OLD_TEXT not in str(caught.value)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="secret_key_invalid") as caught:
        SecretBox.of(None, file)
    assert "0xff" not in str(caught.value)

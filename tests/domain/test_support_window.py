"""Which SDKs and agents are supported, and what the others are told."""

from importlib.metadata import version

import pytest

from ferryman.domain.support_window import RELEASED, minor_of, notice, oldest_supported

ALL = ((0, 1), (0, 2), (0, 3), (1, 0))


@pytest.mark.parametrize(
    ("platform", "oldest"),
    [
        ((0, 1), (0, 1)),
        ((0, 2), (0, 1)),
        ((0, 3), (0, 1)),
        ((1, 0), (0, 2)),
        ((1, 1), (0, 3)),
    ],
)
def test_two_minor_versions_before_its_own_are_supported(
    platform: tuple[int, int], oldest: tuple[int, int]
) -> None:
    """Counted by what was released, also across a major version."""
    assert oldest_supported(platform, ALL) == oldest


@pytest.mark.parametrize(
    ("client", "platform", "support"),
    [
        ("ferryman-python/0.2.0", "1.0.3", None),
        ("ferryman-python/0.1.9", "1.0.0", "ended"),
        ("ferryman-java/0.1.0", "1.0.0", "ended"),
        ("ferryman-java/1.0.7", "1.0.0", None),
        ("ferryman-python/1.1.0", "1.0.9", "newer"),
        ("ferryman-python/1.0.0.dev0", "1.0.0", None),
        ("ferryman-python/0.3.0", "0.3.0.dev0", None),
        ("ferryman-python/0.10.0", "0.3.0", "newer"),
        ("ferryman-java", "1.0.0", None),
        ("ferryman-python/main", "1.0.0", None),
        ("ferryman-python/0.1.0", "unknown", None),
        ("ferryman-python/00000.1", "1.0.0", None),
    ],
)
def test_who_is_outside_is_told(client: str, platform: str, support: str | None) -> None:
    found = notice(client, platform, ALL)
    assert (None if found is None else found.support) == support
    if found is not None:
        assert client.partition("/")[2] in found.text
        assert platform in found.text
        assert found.text.isascii()
        assert found.text.isprintable()


def test_this_build_is_of_the_last_version_or_of_the_next() -> None:
    own = minor_of(version("ferryman"))
    assert own is not None
    assert own >= RELEASED[-1]
    assert sorted(set(RELEASED)) == list(RELEASED)

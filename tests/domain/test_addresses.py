"""Which addresses are of the public internet."""

import pytest

from ferryman.domain.addresses import OF_FUNCTIONS, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "192.88.99.1"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "203.0.113.1"),
        *("::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
        *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "64:ff9b:1::808:808"),
        # IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
        *("::ffff:127.0.0.1", "::ffff:168.63.129.16", "::10.1.2.3", "::ffff:0:127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:808:808::f5ff:fffe"),
    ],
)
def test_what_not_everybody_can_reach(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "168.63.129.15", "2606:4700::1111", "::ffff:1.1.1.1", "::ffff:0:1.1.1.1"),
        *("64:ff9b::101:101", "2002:101:101::"),
    ],
)
def test_what_everybody_can(address: str) -> None:
    assert is_public(address)


def test_calls_of_functions_come_from_this_machine() -> None:
    """From an address of its own, so that the API can tell them from others."""
    assert not is_public(OF_FUNCTIONS)
    assert OF_FUNCTIONS != "127.0.0.1"

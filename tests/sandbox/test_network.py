"""The network of a function: what it may reach works, and the vendor's word has its limits."""

from hashlib import sha256

from tests.sandbox.conftest import Ground


def test_bytes_come_as_they_were_sent(ground: Ground) -> None:
    [outcome] = ground.call({"handler": "network.download"})["outcomes"]
    assert outcome["output"].strip() == sha256(b"x" * (32 << 20)).hexdigest(), outcome


def test_more_connections_than_are_served_wait(ground: Ground) -> None:
    [outcome] = ground.call({"handler": "network.many"})["outcomes"]
    assert outcome["output"].strip() == "HTTP/1.1 200", outcome


def test_a_manifest_cannot_grant_what_is_private(ground: Ground) -> None:
    call, granted = {"handler": "network.other"}, ["http://127.0.0.1:{port}"]
    [outcome] = ground.call(call, granted=granted)["outcomes"]
    assert not outcome["ok"]
    assert "ConnectionResetError" in outcome["error"], outcome


def test_an_operator_may_allow_it(ground: Ground) -> None:
    call, granted = {"handler": "network.other"}, ["http://127.0.0.1:{port}"]
    [outcome] = ground.call(call, granted=granted, private=True)["outcomes"]
    assert outcome["output"].strip() == "HTTP/1.1 200", outcome


def test_a_name_that_does_not_exist_outside(ground: Ground) -> None:
    """It is looked up outside, and the connection breaks off."""
    call, granted = {"handler": "network.by_name"}, ["http://here.test:{port}"]
    [outcome] = ground.call(call, granted=granted)["outcomes"]
    assert not outcome["ok"]
    assert "Connection reset" in outcome["error"] or "RemoteDisconnected" in outcome["error"]


def test_a_product_is_answered_from_fixtures_without_a_network(ground: Ground) -> None:
    [outcome] = ground.call({"handler": "answered.run"})["outcomes"]
    assert outcome["output"].strip() == '[200,{"accountId":"712020:ann"}]', outcome

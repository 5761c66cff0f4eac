"""What is taken out of texts before they leave the platform."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.domain.scrub import as_json, scrubbed

SIGNATURE = "c0ffee" * 8
LOCAL = f"/objects/3f3a47f2?method=GET&expires=17&signature={SIGNATURE}"
S3 = f"/bucket/3f3a47f2?X-Amz-Algorithm=AWS4&X-Amz-Credential=AKIA/x&X-Amz-Signature={SIGNATURE}"


@pytest.mark.parametrize(
    "text",
    [
        f"could not read http://127.0.0.1:8080{LOCAL} in time",
        f"Max retries exceeded with url: {LOCAL} (Caused by NewConnectionError)",
        f"HTTPConnectionPool(host='s3', port=80): Max retries exceeded with url: {S3}",
        f"fetch of {LOCAL.replace('&', '&amp;')} failed",
        f"redirect=https%3A%2F%2Fs3{S3.replace('=', '%3D').replace('&', '%26')}",
        json.dumps({"url": f"https://s3.example{S3}"}),
        json.dumps(LOCAL).replace("&", "\\u0026"),
        f"query was expires=17&signature={SIGNATURE}&part=1",
    ],
)
def test_what_opens_a_file_does_not_leave(text: str) -> None:
    """With its host or without, whole or in pieces, in JSON within JSON; and JSON it stays."""
    for line in ({"error": text}, {"answer": json.dumps({"error": text})}):
        found = scrubbed(json.dumps(line).encode())
        assert SIGNATURE.encode() not in found
        assert "[secret]" in json.loads(found).popitem()[1]


def test_tokens_and_values_of_variables_do_not_leave() -> None:
    """A short value may stand anywhere, and stays."""
    token = "fm_cloud_" + "x" * 43
    secret = 'say "friend" and enter'
    secrets = as_json([secret, "true", "", secret + " twice"])
    assert len(secrets) == 2
    found = scrubbed(json.dumps([token, f"it is {secret} twice", "true"]).encode(), secrets)
    assert json.loads(found) == ["[secret]", "it is [secret]", "true"]
    [night] = as_json(["nightfall"])
    texts = ["\nightfall", "\\nightfall", "\n\\\\nightfall nightfall"]
    found = scrubbed(json.dumps(texts).encode(), [night])
    assert json.loads(found) == ["\nightfall", "\\[secret]", "\n\\\\[secret] [secret]"]


@settings(deadline=None, max_examples=60)
@given(st.recursive(st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=6))
def test_what_is_scrubbed_is_json_as_before(value: object) -> None:
    assert type(json.loads(scrubbed(json.dumps(value).encode()))) is type(value)

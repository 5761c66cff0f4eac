"""The real ``@forge/api`` from npm, unchanged, reaches what Ferryman puts in Forge's place."""

import asyncio
import json
from pathlib import Path

import pytest

from ferryman.functions.call import FunctionCall
from ferryman.functions.pool import FunctionPool
from tests.functions.packages import installed

PACKAGE = "@forge/api@8.3.0"
IDENTITY = {"appId": "app-1", "environment": "production", "installationId": "installation-1"}
APP = """\
import api, { asApp, fetch, getAppContext, requestBitbucket, requestJira, route } from '@forge/api';

export const run = async () => {
  const said = [];
  const tell = async (answer) => said.push([answer.status, await answer.text()]);
  await tell(await requestJira(route`/rest/api/3/issue/${'a b'}`));
  await tell(await api.asApp().requestJira(route`/rest/x`, { method: 'PUT', body: '{"a":1}' }));
  await tell(await fetch(process.env.ELSEWHERE));
  await tell(await requestBitbucket(route`/2.0/user?fields=${'a b'}`));
  const { appAri, environmentAri, installationAri, ...rest } = getAppContext();
  said.push([rest.invocationId, rest.environmentType]);
  said.push([appAri, environmentAri, installationAri].map(String));
  await asApp().requestConfluence(route`/wiki`).catch((error) => said.push(error.message));
  console.log(JSON.stringify(said));
};
"""


@pytest.fixture(scope="session")
def forge_api(javascript: None) -> Path:
    """A folder with the package and what it needs."""
    return installed(PACKAGE)


def test_the_package_from_npm_works_unchanged(
    forge_api: Path, product: str, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.js").write_text(APP)
    (tmp_path / "node_modules").symlink_to(forge_api / "node_modules")
    answers = '[products.bitbucket]\nfixtures = "answers/"\n'
    (tmp_path / "ferryman.toml").write_text(f'[products]\njira = "{product}"\n{answers}')
    (tmp_path / "answers").mkdir()
    fixture = '{"path": "/2.0/user?fields=a b", "status": 203, "body": [1]}'
    (tmp_path / "answers" / "user.json").write_text(fixture)

    async def call() -> str:
        async with FunctionPool(concurrency=1) as pool:
            environment = {"ELSEWHERE": f"{product}/elsewhere"}
            outcome = await pool.invoke(
                FunctionCall(
                    source=tmp_path,
                    handler="index.run",
                    event={},
                    context={},
                    environment=environment,
                    identity=IDENTITY,
                )
            )
            assert outcome.ok, outcome.error
            return outcome.output

    *said, refused = json.loads(asyncio.run(call()))
    assert said == [
        [200, "GET /rest/api/3/issue/a%20b  None"],
        [200, 'PUT /rest/x {"a":1} None'],
        [200, "GET /elsewhere  None"],
        [203, "[1]"],
        ["1", "PRODUCTION"],
        [
            "ari:cloud:ecosystem::app/app-1",
            "ari:cloud:ecosystem::environment/app-1/production",
            "ari:cloud:ecosystem::installation/installation-1",
        ],
    ]
    assert "requestConfluence(/wiki): nothing stands in for this product here" in refused

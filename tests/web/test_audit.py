"""The audit of the GraphQL over HTTP specification, by the npm package graphql-http: every check passes."""

import json
from pathlib import Path

from tests.clients.workshop import opened
from tests.fixtures.server import Server

CHECKS = 61


async def test_the_audit_of_graphql_over_http_passes_entirely(bare_api: Server, tmp_path: Path) -> None:
    printed = await opened(tmp_path).run("audit.js", environment={"GRAPHQL_URL": bare_api.url})
    results = json.loads(printed)
    failing = [f"{check['id']} {check['name']}: {check['reason']}" for check in results if check["status"] != "ok"]
    assert not failing, "\n".join(failing)
    assert len(results) == CHECKS

"""The audit of the GraphQL over HTTP specification, by the npm package graphql-http: every check passes."""

import json

from tests.clients.house import House
from tests.clients.workshop import Workshop

CHECKS = 61


async def test_the_audit_of_graphql_over_http_passes_entirely(house: House, workshop: Workshop) -> None:
    results = json.loads(await workshop.run("audit.js", environment=house.environment))
    failing = [f"{check['id']} {check['name']}: {check['reason']}" for check in results if check["status"] != "ok"]
    assert not failing, "\n".join(failing)
    assert len(results) == CHECKS

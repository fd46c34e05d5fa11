"""A process of its own that enters tokens, and prints what became of each: `python -m tests.api.token_process`."""

import asyncio
import json
import sys
from collections.abc import Sequence

from metering.access import Role, Viewer
from resolvers.context import Context
from schema.contract import build_schema
from store.connections import open_pool

TOP_UP = "mutation ($input: TopUpInput!) { topUp(input: $input) { refusal { code } } }"


async def enter_all(url: str, *, name: str, account_id: int, inputs: Sequence[dict[str, str]]) -> list[str]:
    """The code of each refusal, DONE of those that were credited; all of them are entered at once."""
    schema = build_schema()

    async def enter(place: int, given: dict[str, str]) -> str:
        context = Context(pool, Viewer(account_id, Role.ADMIN))
        whole = given | {"idempotencyKey": f"{name}-token-{place}"}
        answer = await schema.execute(TOP_UP, variable_values={"input": whole}, context_value=context)
        assert answer.data, answer.errors
        refusal = answer.data["topUp"]["refusal"]
        return refusal["code"] if refusal else "DONE"

    async with open_pool(url, wait_s=60) as pool:
        print("ready", flush=True)  # noqa: T201 - to the test
        await asyncio.to_thread(sys.stdin.readline)
        return list(await asyncio.gather(*(enter(place, given) for place, given in enumerate(inputs))))


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(asyncio.run(enter_all(**asked))), flush=True)  # noqa: T201 - as above

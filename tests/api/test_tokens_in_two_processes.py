"""Two servers are given the same tokens at the same moment: each is credited once."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from openpaygo import OpenPAYGOTokenEncoder

from tests.api.conftest import Site

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
SET = "mutation ($input: SetOpenPaygoInput!) { setOpenPaygo(input: $input) { refusal { code } } }"


async def start(site: Site, name: str, inputs: Sequence[dict[str, str]]) -> Process:
    asked = {"url": site.url, "name": name, "account_id": site.admin.account_id, "inputs": inputs}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.api.token_process", json.dumps(asked), stdin=PIPE, stdout=PIPE
    )


async def both(site: Site, inputs: Sequence[dict[str, str]]) -> list[tuple[str, ...]]:
    """What each of two processes made of each token, when both begin at once."""
    processes = [await start(site, name, inputs) for name in ("first", "second")]
    for process in processes:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    return list(zip(*(json.loads(output) for output, _ in outputs), strict=True))


async def test_tokens_that_two_servers_are_given_at_once_are_credited_once(site: Site) -> None:
    for code in ("FLAT", "NEXT"):
        site.add_panel(code, is_prepaid=True)
    given = {"panelCode": "NEXT", "secretKeyHex": KEY, "startingCode": 516959010, "kwhPerValue": "1"}
    assert (await site.ask(SET, input=given))["setOpenPaygo"]["refusal"] is None
    slips = [{"panelCode": "FLAT", "token": f"{n:020}", "unitsKwh": "5"} for n in range(20)]
    tokens = [
        OpenPAYGOTokenEncoder.generate_token(secret_key=KEY, starting_code=516959010, count=2 * n, value=3)[1]
        for n in range(4)
    ]
    codes = await both(site, slips + [{"panelCode": "NEXT", "token": token} for token in tokens])
    assert [sorted(pair) for pair in codes] == [["DONE", "TOKEN_USED"]] * 24
    assert site.database.execute("SELECT sum(units_kwh)::integer FROM ledger_entry").fetchone() == (100 + 12,)
    assert site.database.execute("SELECT count(*) FROM openpaygo_attempt").fetchone() == (0,)

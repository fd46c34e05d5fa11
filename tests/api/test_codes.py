"""The catalogue of codes answers every code that can be met, to anybody."""

from tests.api.conftest import Site

QUERY = "query ($where: CodePlace) { errorCodes(where: $where) { code where meaning help isRetryable } }"


async def test_anybody_may_read_every_code_with_what_it_means_and_what_helps(site: Site) -> None:
    body = await site.answer(QUERY, anonymous=True)
    assert body["errors"] == []
    codes = body["data"]["errorCodes"]
    assert all(code["meaning"].endswith(".") and code["help"].endswith(".") for code in codes)
    assert len({(code["code"], code["where"]) for code in codes}) == len(codes)


async def test_codes_of_one_place_can_be_asked_for(site: Site) -> None:
    codes = (await site.ask(QUERY, where="DOWNLOAD"))["errorCodes"]
    assert [code["code"] for code in codes] == ["EXPORT_LINK_INVALID", "TOO_MANY_EXPORTS"]


async def test_a_client_learns_what_may_succeed_later(site: Site) -> None:
    codes = {code["code"]: code["isRetryable"] for code in (await site.ask(QUERY, where="REQUEST"))["errorCodes"]}
    assert (codes["RATE_LIMITED"], codes["DATABASE_UNAVAILABLE"]) == (True, True)
    assert (codes["COST_TOO_HIGH"], codes["QUERY_TIMEOUT"]) == (False, False)

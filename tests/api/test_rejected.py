"""Admins look at rejected messages, have them read again and throw them away."""

from datetime import timedelta
from typing import Any

from store.connections import connect, listening
from store.rejected import (
    KEPT_PAYLOAD_BYTES,
    RejectedMessage,
    StillRejected,
    asked_for_replay,
    keep_rejected,
    mark_replayed,
    mark_unreadable,
)
from tests.api.conftest import NOW, Site

TOPICS = "{ rejectedMessages(filter: %s) { totalCount nodes { topic } } }"
REPLAY = """mutation ($input: RejectedMessagesInput!) { replayRejected(input: $input) {
  replay { id messageCount storedCount stillRejectedCount waitingCount isFinished } refusal { code field } } }"""
DISCARD = """mutation ($input: RejectedMessagesInput!) { discardRejected(input: $input) {
  discardedCount refusal { code field } } }"""


def message(topic: str, *, code: str = "BAD_JSON", age_min: int = 0, payload: bytes = b"{") -> RejectedMessage:
    return RejectedMessage(topic, payload, NOW - timedelta(minutes=age_min), code, f"what {topic} said is wrong")


def keep(site: Site, *messages: RejectedMessage) -> list[int]:
    with connect(site.url) as connection:
        keep_rejected(connection, messages)
        return [number for (number,) in connection.execute("SELECT id FROM rejected_message ORDER BY id")]


async def topics(site: Site, which: str) -> list[str]:
    found = (await site.ask(TOPICS % which))["rejectedMessages"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["topic"] for node in found["nodes"]]


async def replay(site: Site, **which: Any) -> Any:
    return (await site.ask(REPLAY, input=which))["replayRejected"]


async def test_messages_are_chosen_by_code_topic_time_and_whether_they_were_replayed(site: Site) -> None:
    ids = keep(
        site,
        message("tele/a/SENSOR", code="UNKNOWN_TOPIC", age_min=30),
        message("tele/b_/SENSOR", code="UNKNOWN_TOPIC", age_min=20),
        message("DATA/PM/A", age_min=10),
    )
    with connect(site.url) as connection:
        mark_replayed(connection, [ids[0]])
    assert await topics(site, '{codes: ["UNKNOWN_TOPIC"]}') == ["tele/b_/SENSOR", "tele/a/SENSOR"]
    assert await topics(site, '{codes: ["UNKNOWN_TOPIC", "BAD_JSON"], isReplayed: true}') == ["tele/a/SENSOR"]
    assert await topics(site, '{topicStartsWith: "tele/b_"}') == ["tele/b_/SENSOR"]
    assert await topics(site, '{topicStartsWith: "tele/_"}') == []
    assert await topics(site, '{from: "2026-03-10T04:40:00Z"}') == ["DATA/PM/A", "tele/b_/SENSOR"]
    assert await topics(site, '{to: "2026-03-10T04:40:00Z"}') == ["tele/a/SENSOR"]
    assert await topics(site, "{isReplayed: false}") == ["DATA/PM/A", "tele/b_/SENSOR"]


async def test_groups_say_at_a_glance_which_topics_cannot_be_read(site: Site) -> None:
    keep(
        site,
        message("tele/a/SENSOR", code="UNKNOWN_TOPIC", payload=b"1", age_min=9),
        message("DATA/PM/A", age_min=5),
        message("tele/a/SENSOR", code="UNKNOWN_TOPIC", payload=b"2", age_min=3),
        message("tele/a/SENSOR", code="UNKNOWN_TOPIC", payload=b"2", age_min=2),
    )
    query = """query ($after: Cursor) { rejectedMessageGroups(first: 1, after: $after) { totalCount
      nodes { code topic messageCount times oldestAt newestAt newestReason } pageInfo { hasNextPage endCursor } } }"""
    first = (await site.ask(query))["rejectedMessageGroups"]
    assert first["totalCount"] == 2
    assert first["nodes"] == [
        {
            "code": "UNKNOWN_TOPIC", "topic": "tele/a/SENSOR", "messageCount": 2, "times": 3,
            "oldestAt": "2026-03-10T04:51:00+00:00", "newestAt": "2026-03-10T04:58:00+00:00",
            "newestReason": "what tele/a/SENSOR said is wrong",
        }
    ]  # fmt: skip
    second = (await site.ask(query, after=first["pageInfo"]["endCursor"]))["rejectedMessageGroups"]
    assert [group["topic"] for group in second["nodes"]] == ["DATA/PM/A"]
    assert second["pageInfo"]["hasNextPage"] is False


async def test_a_replay_is_asked_for_once_told_to_ingest_and_followed_to_its_end(site: Site) -> None:
    ids = keep(site, message("a"), message("b"), message("c"), message("d", payload=b"x" * (KEPT_PAYLOAD_BYTES + 1)))
    async with listening(site.url, "ingest_control") as connection:
        asked = await replay(site, filter={"codes": ["BAD_JSON"]})
        assert [notice.channel async for notice in connection.notifies(stop_after=1, timeout=10)] == ["ingest_control"]
    number = asked["replay"].pop("id")
    waiting = {"messageCount": 3, "storedCount": 0, "stillRejectedCount": 0, "waitingCount": 3, "isFinished": False}
    assert asked == {"replay": waiting, "refusal": None}
    assert (await replay(site, filter={}))["replay"]["messageCount"] == 0
    with connect(site.url) as ingest:
        assert [one.topic for one in asked_for_replay(ingest, limit=2)] == ["a", "b"]
        mark_replayed(ingest, ids[:1])
        mark_unreadable(ingest, [StillRejected(ids[1], "BAD_PAYLOAD", "no value")])
        ingest.commit()
        assert [one.topic for one in asked_for_replay(ingest, limit=2)] == ["c"]
    await site.ask(DISCARD, input={"ids": [str(ids[2])]})
    state = f'{{ rejectedReplay(id: "{number}") {{ storedCount stillRejectedCount waitingCount isFinished }} }}'
    done = {"storedCount": 1, "stillRejectedCount": 1, "waitingCount": 0, "isFinished": True}
    assert (await site.ask(state))["rejectedReplay"] == done
    shown = "{ rejectedMessages(filter: {isReplayed: false}) { nodes { topic code reason isWaiting } } }"
    assert (await site.ask(shown))["rejectedMessages"]["nodes"][1] == {
        "topic": "b", "code": "BAD_PAYLOAD", "reason": "no value", "isWaiting": False
    }  # fmt: skip
    assert (await site.ask('{ rejectedReplay(id: "99") { id } }'))["rejectedReplay"] is None


async def test_messages_are_thrown_away_by_id_or_by_filter(site: Site) -> None:
    ids = keep(site, message("a"), message("b"), message("c", code="UNKNOWN_TOPIC"))
    done = (await site.ask(DISCARD, input={"ids": [str(ids[0])]}))["discardRejected"]
    assert done == {"discardedCount": 1, "refusal": None}
    done = (await site.ask(DISCARD, input={"filter": {"codes": ["BAD_JSON"]}}))["discardRejected"]
    assert done == {"discardedCount": 1, "refusal": None}
    assert await topics(site, "{}") == ["c"]


async def test_what_is_not_one_choice_of_messages_is_refused_and_changes_nothing(site: Site) -> None:
    keep(site, message("a"))
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({}, "BAD_INPUT", "ids"),
        ({"ids": ["1"], "filter": {}}, "BAD_INPUT", "ids"),
        ({"ids": []}, "BAD_INPUT", "ids"),
        ({"ids": ["one"]}, "BAD_INPUT", "ids"),
        ({"ids": ["1"] * 1001}, "BAD_INPUT", "ids"),
        ({"filter": {"codes": ["A"] * 51}}, "BAD_INPUT", "codes"),
        ({"filter": {"topicStartsWith": "x" * 1001}}, "BAD_INPUT", "topicStartsWith"),
        ({"filter": {"from": "2026-03-10T05:00:00Z", "to": "2026-03-10T05:00:00Z"}}, "BAD_RANGE", "from"),
    ]
    for which, code, field in refused:
        for mutation, name in ((REPLAY, "replayRejected"), (DISCARD, "discardRejected")):
            assert (await site.ask(mutation, input=which))[name]["refusal"] == {"code": code, "field": field}
    assert await topics(site, "{isReplayed: false}") == ["a"]
    assert site.database.execute("SELECT count(*) FROM rejected_replay").fetchone() == (0,)


async def test_only_admins_look_at_rejected_messages_and_dispose_of_them(site: Site) -> None:
    keep(site, message("a"))
    tenant = site.add_person("t@x.org")
    for query in ("{ rejectedMessageGroups { totalCount } }", '{ rejectedReplay(id: "1") { id } }'):
        assert await site.code(query, viewer=tenant) == "FORBIDDEN"
        assert await site.code(query, anonymous=True) == "UNAUTHENTICATED"
    for mutation, name in ((REPLAY, "replayRejected"), (DISCARD, "discardRejected")):
        answer = await site.ask(mutation, viewer=tenant, input={"filter": {}})
        assert answer[name]["refusal"] == {"code": "FORBIDDEN", "field": None}
    assert await topics(site, "{}") == ["a"]


async def test_rejected_messages_come_newest_first_with_their_reason(site: Site) -> None:
    for number in range(3):
        site.database.execute(
            "INSERT INTO rejected_message (topic, payload, code, reason, received_at) VALUES (%s, %s, %s, %s, %s)",
            (f"DATA/PM/{number}", b'{"v": \xff', "BAD_JSON", "it ends too soon", NOW - timedelta(minutes=3 - number)),
        )
    query = """query ($after: Cursor) { rejectedMessages(first: 2, after: $after) {
      totalCount nodes { topic payloadText code reason receivedAt } pageInfo { hasNextPage endCursor } } }"""
    first = (await site.ask(query))["rejectedMessages"]
    assert first["totalCount"] == 3
    assert first["nodes"][0] == {
        "topic": "DATA/PM/2",
        "payloadText": '{"v": \ufffd',
        "code": "BAD_JSON",
        "reason": "it ends too soon",
        "receivedAt": "2026-03-10T04:59:00+00:00",
    }
    second = (await site.ask(query, after=first["pageInfo"]["endCursor"]))["rejectedMessages"]
    assert [message["topic"] for message in second["nodes"]] == ["DATA/PM/0"]
    assert second["pageInfo"]["hasNextPage"] is False

"""What is kept by its key stays as long as it is among those that were used last."""

from kilowatch.web.newest import Newest


def test_the_value_that_was_used_longest_ago_goes_for_one_more() -> None:
    kept = Newest[str, int](2)
    assert [kept.keep("a", 1), kept.keep("b", 2), kept.get("a")] == [None, None, 1]
    assert kept.keep("c", 3) == 2
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    assert kept.drop_oldest() == 1


def test_a_key_has_its_last_value_and_room_for_one() -> None:
    kept = Newest[str, int](2)
    assert [kept.keep("a", 1), kept.keep("b", 2), kept.keep("a", 3)] == [None, None, None]
    assert [kept.keep("c", 4), kept.get("a")] == [2, 3]
    kept.drop("a")
    kept.drop("a")
    assert [kept.get("a"), kept.keep("d", 5), kept.get("c")] == [None, None, 4]

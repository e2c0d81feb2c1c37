"""Other orders of frames than their own."""

from firsthand.media.orders import OTHERS, places


def test_a_shuffle_is_never_the_order_of_the_video_and_can_be_repeated() -> None:
    for count in range(2, 6):
        for seed in map(str, range(50)):
            drawn = places(count, "shuffled", seed)
            assert sorted(drawn) == list(range(count)) and drawn != list(range(count))
            assert drawn == places(count, "shuffled", seed)


def test_the_other_orders() -> None:
    assert OTHERS == ("shuffled", "reversed")
    assert places(4, "reversed", "") == [3, 2, 1, 0] and places(4, "ordered", "") == [0, 1, 2, 3]
    assert all(places(1, order, "") == [0] and places(0, order, "") == [] for order in OTHERS)

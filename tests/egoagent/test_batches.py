"""A batch is a function of (seed, micro-batch, rank)."""

from itertools import islice

import torch

from firsthand.egoagent.training.batches import InMemory, Order


def source(seed: int = 0, batch: int = 4) -> InMemory:
    images = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1)
    return InMemory(images, None, batch, 1, seed)


def seen(batches, start: int, rank: int, ranks: int, number: int) -> list[tuple[list[int], list[int]]]:
    found = islice(batches.images(start, rank, ranks), number)
    return [(images.flatten().tolist(), draws.tolist()) for images, draws in found]


def test_an_epoch_has_every_sample_once_and_the_next_is_mixed_anew() -> None:
    order = Order(samples=10, batch=4, seed=0)
    first, second = ([order.sample(epoch * 10 + place) for place in range(10)] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert first != [Order(10, 4, seed=1).sample(place) for place in range(10)]


def test_two_ranks_read_what_one_rank_with_two_micro_batches_reads() -> None:
    one = seen(source(), 0, 0, 1, 6)
    two = [seen(source(), 0, rank, 2, 3) for rank in (0, 1)]
    assert [two[rank][step] for step in range(3) for rank in (0, 1)] == one


def test_a_later_start_goes_on_with_the_same_samples_and_draws() -> None:
    assert seen(source(), 3, 1, 2, 2) == seen(source(), 0, 1, 2, 5)[3:]


def test_draws_are_positions_and_never_come_again() -> None:
    draws = [draw for _, drawn in seen(source(), 0, 0, 1, 6) for draw in drawn]
    assert draws == list(range(24))

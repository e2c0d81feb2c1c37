"""The order: every sample once an epoch, the same for any cut into ranks, workers and resumed runs."""

from itertools import islice

import torch
from hypothesis import given
from hypothesis import strategies as st

from firsthand.egoagent.data.batches import ShardBatches, open_clips, open_images
from firsthand.egoagent.data.order import ShardOrder

counts_of = st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(sum)


@given(counts_of, st.integers(0, 5), st.integers(0, 3), st.integers(1, 4))
def test_an_epoch_has_every_sample_once(counts, seed, epoch, group) -> None:
    order = ShardOrder(counts, seed, group)
    first = epoch * order.samples
    seen = [order.sample(position) for position in range(first, first + order.samples)]
    assert sorted(seen) == [(shard, sample) for shard, count in enumerate(counts) for sample in range(count)]


@given(counts_of, st.integers(0, 5), st.integers(1, 4))
def test_a_position_needs_no_walk_to_it(counts, seed, group) -> None:
    walked, jumped = ShardOrder(counts, seed, group), None
    places = list(range(0, 3 * walked.samples, 7))
    expected = [walked.sample(place) for place in places]
    jumped = ShardOrder(counts, seed, group)
    assert [jumped.sample(place) for place in reversed(places)] == expected[::-1]


def test_few_shards_are_open_at_a_time() -> None:
    order = ShardOrder([100] * 20, seed=0, group=4)
    for begin in range(0, 2000, 400):
        assert len({order.sample(position)[0] for position in range(begin, begin + 400)}) == 4


def test_epochs_and_seeds_differ_and_samples_are_mixed() -> None:
    first, other = ShardOrder([50] * 4, 0), ShardOrder([50] * 4, 1)
    epochs = [
        [order.sample(epoch * 200 + place) for place in range(200)] for order in (first, other) for epoch in (0, 1)
    ]
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert len({shard for shard, _ in epochs[0][:40]}) == 4


def batches(clip_shards, image_shards, workers: int) -> ShardBatches:
    clips, images = open_clips(str(clip_shards), 4), open_images(str(image_shards))
    return ShardBatches(images, clips, image_batch=3, clip_batch=2, seed=5, workers=workers)


def test_resumed_in_the_middle_of_a_shard_with_other_workers_it_reads_the_same(clip_shards, image_shards) -> None:
    whole = list(islice(batches(clip_shards, image_shards, 0).clips(0, 0, 1), 6))
    for workers in (0, 2):
        rest = islice(batches(clip_shards, image_shards, workers).clips(4, 0, 1), 2)
        for (clips, draws), (again, same) in zip(whole[4:], rest, strict=True):
            assert draws.equal(same) and clips.images.equal(again.images) and clips.poses.equal(again.poses)


def test_two_ranks_read_what_one_reads_with_twice_the_micro_batches(clip_shards, image_shards) -> None:
    one = list(islice(batches(clip_shards, image_shards, 0).images(0, 0, 1), 4))
    two = [islice(batches(clip_shards, image_shards, 0).images(0, rank, 2), 2) for rank in range(2)]
    together = [batch for step in zip(*two, strict=True) for batch in step]
    assert all(a.equal(b) and c.equal(d) for (a, c), (b, d) in zip(one, together, strict=True))


def test_reading_draws_nothing_from_the_trainers_generator(clip_shards, image_shards) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    next(batches(clip_shards, image_shards, 0).images(0, 0, 1))
    assert torch.get_rng_state().equal(before)


def test_a_run_writes_down_which_shards_it_read(clip_shards, image_shards) -> None:
    facts = batches(clip_shards, image_shards, 0).facts()
    assert (facts["images"]["samples"], facts["clips"]["samples"]) == (4 * 13, 4 * 9)
    assert facts["images"]["shards"] == str(image_shards) and facts["images"]["hash"] != facts["clips"]["hash"]

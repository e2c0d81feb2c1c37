"""kNN, retrieval and motion on cases that are counted by hand."""

import math

import pytest
import torch

from firsthand.egoagent.evaluation import motion as motions
from firsthand.egoagent.evaluation.knn import ks_for, ranked_classes, right
from firsthand.egoagent.evaluation.motion import Motion, by_class, errors, filled, from_last_pose, mean_pose, trivial
from firsthand.egoagent.evaluation.retrieval import over_all, within_clip

# -- kNN ---------------------------------------------------------------------------------------------------------------

BANK = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.6, 0.8]])  # of lengths that must not matter
LABELS = torch.tensor([0, 1, 1])
QUERY = torch.tensor([[5.0, 0.0]])  # cosines 1, 0 and 0.6


@pytest.mark.parametrize(
    ("k", "temperature", "first"),
    [
        (1, 0.07, 0),
        (3, 0.07, 0),  # e^14.3 against 1 + e^8.6
        (3, 10.0, 1),  # 1.105 against 1 + 1.062
        (200, 10.0, 1),  # more than there are
    ],
)
def test_near_images_vote_more_the_lower_the_temperature(k, temperature, first) -> None:
    assert ranked_classes(BANK, LABELS, QUERY, 2, k, temperature)[0, 0] == first


def test_chunks_change_nothing(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    bank, queries = (torch.randn(number, 8, generator=generator) for number in (50, 33))
    labels = torch.randint(0, 7, (50,), generator=generator)
    whole = ranked_classes(bank, labels, queries, 7, 20)
    monkeypatch.setattr("firsthand.egoagent.evaluation.knn.CELLS", 60)
    assert ranked_classes(bank, labels, queries, 7, 20).equal(whole)
    assert whole.shape == (33, 5)


def test_first_and_among_five() -> None:
    ranked = torch.tensor([[3, 1, 0], [2, 3, 1], [0, 1, 2]])
    assert right(ranked, torch.tensor([3, 1, 3])) == ([1, 0, 0], [1, 1, 0])


def test_ks_that_a_small_bank_cannot_fill_are_left_out() -> None:
    assert ks_for(5000) == [10, 20, 100, 200]
    assert ks_for(120) == [10, 20, 100]
    assert ks_for(6) == [6]


# -- retrieval ---------------------------------------------------------------------------------------------------------


def directions(*degrees: float) -> torch.Tensor:
    return torch.tensor([[math.cos(math.radians(one)), math.sin(math.radians(one))] for one in degrees])


def test_ranks_within_a_clip_and_over_all() -> None:
    """Two clips of two frames. Query 10: nearest 0, its own. Query 60: 90 is its own, 0 is farther, but 70 of the other
    clip is nearer. Query 20: 70 is its own; nearest over all is 0. Query 180: 170, its own."""
    gallery = torch.stack([directions(0, 90), directions(70, 170)])
    queries = torch.stack([directions(10, 60), directions(20, 180)])
    within = within_clip(queries, gallery)
    assert within.top1.tolist() == [[1, 1], [1, 1]] and within.nearest.tolist() == [[0, 1], [0, 1]]
    everywhere = over_all(queries, gallery)
    assert everywhere.top1.tolist() == [[1, 0], [0, 1]]
    assert everywhere.nearest.tolist() == [[0, 2], [0, 3]]
    assert everywhere.reciprocal.tolist() == [[1, 0.5], [0.5, 1]]


def test_lengths_do_not_count() -> None:
    gallery = torch.stack([directions(0, 90)]) * torch.tensor([1.0, 100.0])[:, None]
    assert within_clip(torch.stack([directions(40, 50)]) * 0.1, gallery).top1.tolist() == [[1, 1]]


def test_equal_frames_share_the_first_place() -> None:
    """Frames 0 and 1 are one picture: who knows it has half of each, and mean rank 1.5."""
    gallery = torch.stack([directions(0, 0, 90)])
    found = within_clip(gallery, gallery)
    assert found.top1.tolist() == [[0.5, 0.5, 1]]
    assert found.reciprocal[0].tolist() == pytest.approx([1 / 1.5, 1 / 1.5, 1])


def test_chunks_of_queries_change_nothing(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, gallery = (torch.randn(7, 3, 5, generator=generator) for _ in range(2))
    whole = over_all(queries, gallery)
    monkeypatch.setattr("firsthand.egoagent.evaluation.retrieval.CHUNK", 4)
    again = over_all(queries, gallery)
    assert again.nearest.equal(whole.nearest) and again.reciprocal.equal(whole.reciprocal)


# -- motion ------------------------------------------------------------------------------------------------------------


def line(*places: float) -> torch.Tensor:
    """One clip of one joint on the x axis, two poses an action, in metres."""
    poses = torch.zeros(1, len(places) // 2, 2, 1, 3)
    poses[..., 0, 0] = torch.tensor(places).reshape(1, -1, 2)
    return poses


MOTION = Motion(line(0, 0.1, 0.2, 0.4), torch.ones(1, 2, 2, 1, dtype=torch.bool), per_second=30)


def test_errors_are_in_centimetres_and_centimetres_a_second() -> None:
    """Predicted 0.21, 0.38 of 0.2, 0.4: 1 and 2 cm. True moves 0.1, 0.2; predicted 0.11, 0.17: 1 and 3 cm in 1/30 s."""
    found = errors(line(0.21, 0.38), MOTION)
    assert found.position.tolist() == pytest.approx([1, 2], abs=1e-4)
    assert found.velocity.tolist() == pytest.approx([30, 90], abs=1e-3)
    assert (found.mean, found.mean_velocity) == (pytest.approx(1.5, abs=1e-4), pytest.approx(60, abs=1e-3))
    assert found.clips.tolist() == pytest.approx([1.5], abs=1e-4)


def test_a_hidden_joint_counts_in_no_error() -> None:
    visible = torch.tensor([True, True, True, False]).reshape(1, 2, 2, 1)
    found = errors(line(0.21, 99), Motion(MOTION.poses, visible, 30))
    assert found.mean == pytest.approx(1, abs=1e-4) and found.mean_velocity == pytest.approx(30, abs=1e-3)


def test_what_is_predicted_without_a_model() -> None:
    """Last known 0.1, moving by 0.1: copied 0.1, 0.1; moving on 0.2, 0.3; the mean of training is 0.05."""
    found = trivial(MOTION, torch.tensor([[0.05, 0, 0]]))
    assert found["copy last"].flatten()[::3].tolist() == pytest.approx([0.1, 0.1])
    assert found["constant velocity"].flatten()[::3].tolist() == pytest.approx([0.2, 0.3])
    assert found["mean pose"].flatten()[::3].tolist() == pytest.approx([0.05, 0.05])


def test_autoregressively_only_the_first_action_is_known() -> None:
    motion = Motion(line(0, 0.1, 0.5, 0.5, 0.9, 0.9), torch.ones(1, 3, 2, 1, dtype=torch.bool), 30)
    found = trivial(motion, torch.zeros(1, 3), autoregressive=True)
    assert found["copy last"].flatten()[::3].tolist() == pytest.approx([0.1] * 4)
    assert found["constant velocity"].flatten()[::3].tolist() == pytest.approx([0.2, 0.3, 0.4, 0.5])


def test_a_joint_that_is_hidden_is_where_it_was_seen_last_or_at_its_mean() -> None:
    visible = torch.tensor([False, True, False, True]).reshape(1, 2, 2, 1)
    known = filled(Motion(line(9, 0.1, 9, 0.4), visible, 30), torch.tensor([[7.0, 0, 0]]))
    assert known.flatten()[::3].tolist() == pytest.approx([7, 0.1, 0.1, 0.4])


def test_mean_and_median_leave_hidden_joints_out() -> None:
    poses, visible = line(1, 99, 2, 6), torch.tensor([True, False, True, True]).reshape(1, 2, 2, 1)
    assert mean_pose(poses, visible).tolist() == [[3, 0, 0]]
    both, hidden_twice = torch.cat([poses, line(3, 5, 4, 8)]), visible.expand(2, -1, -1, -1)
    chunks = by_class(both, hidden_twice, torch.tensor([[0, 1]] * 2), 3)
    assert chunks[:2, :, 0, 0].tolist() == [[1, 0], [2, 6]]  # torch takes the lower of two; who is never seen is 0
    assert chunks[2, :, 0, 0].tolist() == [2, 6]  # a class without actions is like all of them


def test_a_chunk_follows_from_its_class_and_the_last_pose() -> None:
    """In class 0 the body goes on by 0.1, in class 1 it comes back to the other side; nobody has done class 2."""
    generator = torch.Generator().manual_seed(0)
    poses = torch.randn(400, 2, 3, 1, 3, generator=generator)
    classes = torch.arange(400)[:, None] % 2 + torch.zeros(400, 2, dtype=torch.long)
    last = poses[:, 0, -1:]
    poses[:, 1] = torch.where(classes[:, :1, None, None] == 0, last + 0.1, -last)
    motion, mean = Motion(poses, torch.ones(poses.shape[:-1], dtype=torch.bool), 30), torch.zeros(1, 3)
    found = from_last_pose(motion, classes, motion, classes, mean)
    assert torch.allclose(found, motion.judged, atol=0.02)
    other = from_last_pose(motion, classes, motion, classes + 2, mean)
    assert other.abs().mean() < 0.2 < last.abs().mean(), "learnt from all of them, and both ways cancel"


def test_motion_is_judged_from_the_second_action_on() -> None:
    assert MOTION.judged.shape[1] == 1 and motions.CM == 100

"""The losses on numbers small enough to reckon by hand, and against an independent implementation."""

import math

import pytest
import torch

from firsthand.egoagent.training import losses
from firsthand.egoagent.training.health import Health
from firsthand.egoagent.training.learner import pose_statistics, spread


def test_balanced_targets_share_out_all_prototypes_and_equal_images_get_equal_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 0.05 * torch.randn(32, 8, generator=generator) + torch.arange(8)  # one prototype would win everywhere
    assert losses.targets(logits, torch.zeros(8), 0.02)[:, 7].min() > 0.999
    found = losses.balanced(logits, 0.02)
    assert torch.allclose(found.sum(1), torch.ones(32), atol=1e-5)
    assert (found.mean(0) - 1 / 8).abs().max() < 0.04, "each has about the same share"
    assert losses.entropy(found).mean() < 1.2, "and images are told apart"
    alike = losses.balanced(logits[:1].expand(32, -1), 0.02)
    assert torch.allclose(alike, torch.full((32, 8), 1 / 8), atol=1e-5)


def test_the_loss_between_views_by_hand() -> None:
    """Two prototypes, one image, two global views and a local one, both temperatures 1, the centre 0.

    With the logits (0, ln 3) a softmax is (1/4, 3/4), with (0, 0) it is (1/2, 1/2). Teacher: t0 = (1/4, 3/4),
    t1 = (1/2, 1/2). Student: s0 = s1 = (1/2, 1/2), s2 = (1/4, 3/4). Pairs are (0, 1), (0, 2), (1, 0), (1, 2):
    ln 2, the entropy of (1/4, 3/4), ln 2, and -1/2 (ln 1/4 + ln 3/4).
    """
    sharp, flat = [0.0, math.log(3)], [0.0, 0.0]
    teacher, student = torch.tensor([[sharp], [flat]]), torch.tensor([[flat], [flat], [sharp]])
    target = losses.targets(teacher, torch.zeros(2), temperature=1.0)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    pairs = [math.log(2), entropy, math.log(2), -0.5 * (math.log(0.25) + math.log(0.75))]
    assert float(losses.between_views(target, student, 1.0)) == pytest.approx(sum(pairs) / 4)


def test_the_centre_is_taken_from_the_teacher_and_a_low_temperature_is_sharp() -> None:
    logits = torch.tensor([[0.0, math.log(3)]])
    assert torch.allclose(losses.targets(logits, logits[0], 1.0), torch.tensor([[0.5, 0.5]]))
    assert torch.allclose(losses.targets(logits, torch.zeros(2), 0.5), torch.tensor([[0.1, 0.9]]))


def test_hidden_joints_do_not_count_in_the_pose_error() -> None:
    """Two joints of one pose: the seen one is off by (1, 2, 3), the hidden one by anything."""
    found, poses = torch.zeros(1, 1, 1, 2, 3), torch.tensor([[[[[1.0, 2, 3], [9, math.nan, 9]]]]])
    visible = torch.tensor([[[[True, False]]]])
    assert float(losses.pose_error(found, poses, visible, torch.tensor(1.0))) == 2.0
    assert float(losses.pose_error(found, poses, visible, torch.tensor(2.0))) == 1.0
    gradient = found.requires_grad_()
    losses.pose_error(gradient, poses, visible, torch.tensor(1.0)).backward()
    assert gradient.grad is not None and torch.isfinite(gradient.grad).all() and not gradient.grad[..., 1, :].any()


def test_statistics_of_poses_see_visible_joints_only() -> None:
    """One joint at x = 0 and 4, and once hidden: its mean is 2; it is 2 away from it in one of three coordinates."""
    poses = torch.tensor([0.0, 4.0, 100.0]).reshape(3, 1, 1, 1, 1) * torch.tensor([1.0, 0, 0])
    found = pose_statistics(poses, torch.tensor([True, True, False]).reshape(3, 1, 1, 1))
    assert found.mean.tolist() == [[2, 0, 0]] and float(found.scale) == pytest.approx(2 * 2 / 3)


@pytest.mark.parametrize(
    ("entropy", "marginal", "state"),
    [(4.1, 4.15, "plateau"), (2.7, 3.4, "learning"), (0.1, 0.12, "collapse"), (3.4, 3.5, "unclear")],
)
def test_health_of_64_prototypes(entropy: float, marginal: float, state: str) -> None:
    """log 64 = 4.16; the first two are what a plateau and a run that had left it looked like."""
    assert Health(entropy, marginal, 0.5, 64).state == state


def test_entropy_and_spread_at_their_ends() -> None:
    assert float(losses.entropy(torch.tensor([0.0, 1.0]))) == 0
    assert float(losses.entropy(torch.full((8,), 1 / 8))) == pytest.approx(math.log(8))
    assert float(spread(torch.ones(5, 3))) == pytest.approx(0, abs=1e-6)
    assert float(spread(torch.tensor([[1.0, 0], [-1, 0]]))) == pytest.approx(1)


@pytest.mark.long
def test_the_loss_is_that_of_lightly() -> None:
    """An implementation that shares nothing with ours. It has as many local views as global ones in a stack."""
    loss = pytest.importorskip("lightly.loss", reason="pip install lightly").DINOLoss
    generator = torch.Generator().manual_seed(0)
    teacher, student = (torch.randn(views, 6, 32, generator=generator) for views in (2, 5))
    theirs = loss(output_dim=32, teacher_temp=0.02, student_temp=0.1, warmup_teacher_temp=0.02)
    theirs.center = centre = torch.randn(1, 1, 32, generator=generator) * 0.1
    wanted = theirs(list(teacher), list(student), epoch=0)
    target = losses.targets(teacher, centre[0, 0], 0.02)
    assert float(losses.between_views(target, student, 0.1)) == pytest.approx(float(wanted), rel=1e-5)

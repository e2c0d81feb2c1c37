"""What may influence what: the masks, the queries and the joints that nobody sees."""

from pathlib import Path

import pytest
import torch

from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentEncoder, EgoAgentModel, Prediction

from .worlds import MODEL, T, clips

LATER = 1  # the step that is changed


@pytest.fixture(params=["causal", "frame_bidirectional", "last_pose"])
def model(request) -> EgoAgentModel:
    torch.manual_seed(0)
    own = {"last_pose": True} if request.param == "last_pose" else {"mask": request.param}
    made = EgoAgentModel(EgoAgentConfig(**MODEL | own)).eval()
    if made.last_pose is not None:
        torch.nn.init.normal_(made.last_pose.linear.weight)  # it begins with zeros
    return made


@pytest.fixture
def given():
    found = clips(3)
    return found.images[:, :-1], found.poses, found.visible


def moved(before: Prediction, after: Prediction) -> dict[str, list[bool]]:
    """Whether each step's output changed at all, by output."""
    outputs = ("states", "poses", "confidence")
    return {
        name: [not torch.equal(getattr(before, name)[:, t], getattr(after, name)[:, t]) for t in range(T)]
        for name in outputs
    }


@torch.no_grad()
def test_an_action_moves_the_state_after_it_and_not_its_own_prediction(model, given) -> None:
    images, poses, visible = given
    changed = poses.clone()
    changed[:, LATER] += 1
    found = moved(model.predict(*given), model.predict(images, changed, visible))
    assert found == {"states": [False, True], "poses": [False, False], "confidence": [False, False]}


@torch.no_grad()
def test_an_image_moves_nothing_of_an_earlier_step(model, given) -> None:
    images, poses, visible = given
    changed = images.clone()
    changed[:, LATER] = 255 - changed[:, LATER]
    found = moved(model.predict(*given), model.predict(changed, poses, visible))
    assert found == {"states": [False, True], "poses": [False, True], "confidence": [False, True]}


@torch.no_grad()
def test_a_past_action_moves_the_next_prediction(model, given) -> None:
    images, poses, visible = given
    found = moved(model.predict(*given), model.predict(images, poses + torch.tensor([1.0, 0, 0]), visible))
    assert found["poses"] == [False, True]


@torch.no_grad()
def test_the_way_around_the_trunk_knows_the_last_pose_before_an_action_and_no_other(given) -> None:
    torch.manual_seed(0)
    images, poses, visible = given
    plain, with_way = (EgoAgentModel(EgoAgentConfig(**MODEL | {"last_pose": own})).eval() for own in (False, True))
    with_way.load_state_dict(plain.state_dict(), strict=False)
    assert not any(any(steps) for steps in moved(plain.predict(*given), with_way.predict(*given)).values())
    torch.nn.init.normal_(with_way.last_pose.linear.weight)
    for parameter in with_way.pose_projector.parameters():
        parameter.zero_()
    before = with_way.predict(*given)
    for pose, moves in ((0, False), (-1, True)):
        changed = poses.clone()
        changed[:, 0, pose] += 1
        found = moved(before, with_way.predict(images, changed, visible))
        assert found == {"states": [False, False], "poses": [False, moves], "confidence": [False, moves]}


@torch.no_grad()
def test_patches_of_one_image_look_at_one_another_only_where_the_mask_says_so(model) -> None:
    tokens = torch.randn(1, 5, MODEL["hidden_size"])
    last = tokens.clone()
    last[:, 3] += 1  # the last of four patches; a query follows
    before, after = (model.encoder.read(one, patches=4, others=1, steps=1) for one in (tokens, last))
    assert torch.equal(before[:, 0], after[:, 0]) == (model.config.mask == "causal")


@torch.no_grad()
def test_a_hidden_joint_says_nothing(model, given) -> None:
    images, poses, visible = given
    wild = torch.where(visible[..., None], poses, torch.tensor(float("nan")))
    found = moved(model.predict(*given), model.predict(images, wild, visible))
    assert not any(any(steps) for steps in found.values())


@torch.no_grad()
def test_a_rollout_feeds_its_own_actions_and_never_the_true_ones(model, given) -> None:
    images, poses, visible = given
    found = model.rollout(images, poses[:, :1], visible[:, :1])
    assert torch.equal(found.poses[:, 0], model.predict(*given).poses[:, 0])
    own = poses.clone()
    own[:, 1], seen = found.poses[:, 1], torch.cat([visible[:, :1], found.confidence[:, 1:] > 0], 1)
    assert torch.equal(found.states, model.predict(images, own, seen).states)


def test_pose_normalisation_is_the_models_own_and_poses_stay_in_metres(model, given) -> None:
    images, poses, visible = given
    plain = model.predict(*given)
    model.pose_mean.fill_(0.5)
    model.pose_scale.fill_(2.0)
    scaled = model.predict(images, poses * 2 + 0.5, visible)
    assert torch.allclose(scaled.poses, plain.poses * 2 + 0.5, atol=1e-6)


def test_saved_and_loaded_by_auto_model(model, given, tmp_path: Path) -> None:
    from transformers import AutoModel

    model.pose_mean.fill_(0.25)
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert isinstance(again, EgoAgentModel) and again.config.mask == model.config.mask
    assert not any(any(steps) for steps in moved(model.predict(*given), again.eval().predict(*given)).values())


def test_logits_are_not_rounded_to_bfloat16_under_autocast(model) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.state_head(torch.randn(4, MODEL["hidden_size"]))
    assert logits.dtype == torch.float32 and not torch.equal(logits, logits.bfloat16().float())


def test_crops_of_another_size_are_read_by_the_same_stem(model) -> None:
    assert model.encode(torch.zeros(2, 3, 16, 48, dtype=torch.uint8)).shape == (2, MODEL["hidden_size"])


def test_an_image_of_bytes_is_the_same_as_its_normalised_floats() -> None:
    model = EgoAgentEncoder(EgoAgentConfig(**MODEL)).eval()
    black = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    floats = torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])[None, :, None, None].expand(1, 3, 32, 32)
    assert torch.allclose(model(black).pooler_output, model(floats).pooler_output, atol=1e-6)

"""What a recipe asks of Accelerate, and what is said where it cannot be had."""

from pathlib import Path

import pytest

from firsthand.egoagent.training import machinery, record
from firsthand.egoagent.training.learner import Learner
from firsthand.errors import UserError

from .test_train import same, weights
from .worlds import recipe_of


def test_fsdp2_shards_the_layers_of_the_trunk_and_nothing_older_is_offered(tmp_path: Path) -> None:
    plugin = machinery.sharding(recipe_of("stage2", tmp_path, machine__sharding="fsdp2"))["fsdp_plugin"]
    assert plugin.fsdp_version == 2 and plugin.transformer_cls_names_to_wrap == ["LlamaDecoderLayer"]
    policy = plugin.mixed_precision_policy
    assert (policy.param_dtype, policy.reduce_dtype, policy.output_dtype) == (None, None, None)
    assert not plugin.cpu_ram_efficient_loading and str(plugin.state_dict_type).endswith("SHARDED_STATE_DICT")
    with pytest.raises(UserError, match=r"machine\.sharding"):
        recipe_of("stage2", tmp_path, machine__sharding="fsdp")


def test_zero_without_deepspeed_is_a_message(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("accelerate.utils.is_deepspeed_available", lambda: False)
    with pytest.raises(UserError, match="zero1 needs DeepSpeed"):
        machinery.sharding(recipe_of("stage2", tmp_path, machine__sharding="zero1"))
    monkeypatch.setattr("accelerate.utils.is_deepspeed_available", lambda: True)
    with pytest.raises(UserError, match="fp16 with zero2 would keep the teacher in it"):
        machinery.sharding(recipe_of("stage2", tmp_path, machine__sharding="zero2", machine__precision="fp16"))


def test_a_logger_that_is_not_installed_is_a_message_and_tensorboard_gets_every_number(train, monkeypatch) -> None:
    pytest.importorskip("tensorboard")
    trainer = train(keep__loggers=["tensorboard"], schedule__steps=2)
    events = b"".join(path.read_bytes() for path in (trainer.out / "logs").rglob("events.*"))
    for name in ("act", "marginal_entropy", "spread", "learning_rate"):
        assert name.encode() in events
    monkeypatch.setattr(record, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="trackio is not installed"):
        record.check_loggers(recipe_of("stage2", trainer.out, keep__loggers=["trackio"]))


def test_compiling_in_place_renames_no_weight(train) -> None:
    """`trunk = torch.compile(trunk)` would, and neither checkpoint nor export could be read."""
    plain, compiled = train(out="plain", to=0), train(out="compiled", to=0, machine__compile=True)
    assert same(weights(plain), weights(compiled))
    assert compiled.learner.student.encoder.trunk._compiled_call_impl is not None


@pytest.mark.parametrize(("decays", "groups"), [("all", [True]), ("matrices", [True, False])])
def test_what_decays(train, decays: str, groups: list[bool]) -> None:
    trainer = train(to=0, schedule__decays=decays)
    found = trainer.optimizer.param_groups
    assert [group["decays"] for group in found] == groups
    assert all(one.dim() > 1 for one in found[0]["params"]) == (decays == "matrices")
    trained = [one for one in trainer.learner.parameters() if one.requires_grad]
    assert sum(len(group["params"]) for group in found) == len(trained)
    trainer.step([next(trainer.parts())])
    assert [group["weight_decay"] for group in found] == pytest.approx([0.04 * decay for decay in groups])


def test_batch_norm_is_an_option_and_its_statistics_are_the_teachers_own(train) -> None:
    trainer = train(to=2, model__stem_norm="batch")
    student, teacher = (getattr(trainer.learner, name).encoder.stem[1] for name in ("student", "teacher"))
    assert isinstance(trainer.learner, Learner) and student.num_batches_tracked > 0
    assert teacher.running_mean.any() and not (teacher.running_mean == student.running_mean).all()

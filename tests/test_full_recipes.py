"""What the full-size recipes must say to start and to end well, which no machine that the tests run on shows."""

import pytest
import yaml

from firsthand.files import read_yaml

from .test_recipes import AGENTS, LLAMA_FACTORY, PRESETS, ROOT, VERL, compose, is_tiny, leaves, read

__all__ = ["compose"]  # a fixture


def test_a_full_verl_recipe_starts_on_a_machine_without_flash_attention_and_with_few_cores(compose) -> None:
    """What each line is against stands in rules.md under VR051 and VR052, and in the recipes themselves."""
    variables = "ray_kwargs.ray_init.runtime_env.env_vars"
    for name in VERL:
        config, model = compose(name), "actor_rollout_ref.model"
        assert config["transfer_queue.backend.SimpleStorage.num_data_storage_units"] <= 2, name
        assert config[f"{variables}.VLLM_USE_V2_MODEL_RUNNER"] == "0", name
        assert config[f"{variables}.VERL_USE_EXTERNAL_MODULES"] == "firsthand.training.video_prompts", name
        assert config[f"{model}.override_config.attn_implementation"] == "sdpa", name
        assert config[f"{model}.use_remove_padding"], name
        assert is_tiny(name) or config[f"{model}.use_fused_kernels"], name
        if config["algorithm.adv_estimator"] == "gae":
            assert config["critic.model.override_config.attn_implementation"] == "sdpa", name
            assert config["critic.model.use_remove_padding"], name


def test_a_tool_call_of_a_training_may_wait_for_its_server(compose) -> None:
    for name in AGENTS:
        path = compose(name)["actor_rollout_ref.rollout.agent.agent_loop_config_path"]
        for loop in yaml.safe_load((ROOT / path).read_text()):
            assert loop["budget"]["seconds"] >= 300 and loop["seconds"] >= 1800, name
            tools = read_yaml(ROOT / loop["toolbox"])
            for backend in tools.get("backends", {}).values():
                limited = backend["kind"] == "oracle" or backend.keys() & {"concurrency", "per_minute"}
                assert limited, f"{loop['toolbox']}: all rollouts of a step would ask at once"


def test_checkpoints_do_not_fill_the_disk(compose) -> None:
    for name in LLAMA_FACTORY:
        recipe = read(name)
        if recipe.get("do_train"):
            assert recipe["save_strategy"] == "no" or recipe["save_total_limit"] <= 2, name
    for name in VERL:
        assert 1 <= compose(name)["trainer.max_actor_ckpt_to_keep"] <= 2, name


def test_a_recipe_sets_nothing_that_is_without_effect(compose) -> None:
    """FSDP2 keeps the reference on the host whatever this says, and transformers renamed its warm-up."""
    for name in VERL:
        sets = [leaves(read(name)), *(leaves(read(original)) for original in [PRESETS.get(name)] if original)]
        assert not any("ref.fsdp_config.param_offload" in values for values in sets), name
    for name in LLAMA_FACTORY:
        assert "warmup_ratio" not in read(name), name


def test_validation_of_an_agent_costs_less_than_its_training(compose) -> None:
    for name in AGENTS:
        config = compose(name)
        trained = config["data.train_batch_size"] * config["actor_rollout_ref.rollout.n"] * config["trainer.test_freq"]
        assert 0 < config["data.val_max_samples"] <= trained or is_tiny(name), name


def test_the_warm_up_is_a_tenth_of_all_steps(monkeypatch, tmp_path) -> None:
    """A number below 1 is a share, which LLaMA-Factory hands on to transformers."""
    monkeypatch.chdir(ROOT)
    get_train_args = pytest.importorskip("llamafactory.hparams").get_train_args
    training = get_train_args(read("tiny_sft_qwen3vl") | {"output_dir": str(tmp_path / "out")})[2]
    assert [training.get_warmup_steps(steps) for steps in (20, 1000)] == [2, 100]

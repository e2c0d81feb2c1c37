"""Every veRL recipe as Hydra composes it: what twins and presets may change, and what full-size recipes must say to
start and to end well, which no machine that the tests run on shows. All in one file: composing takes half a second."""

import contextlib
import itertools
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from firsthand.files import read_yaml
from firsthand.recipe import hydra_chain, hydra_search, load

from .test_recipes import (
    AGENT_PATHS,
    AGENTS,
    GROUNDING,
    LLAMA_FACTORY,
    LOGS,
    PRESETS,
    RECIPES,
    ROOT,
    TOY_MEDIA,
    VERL,
    VERL_PATHS,
    VERL_SIZES,
    differing,
    is_tiny,
    leaves,
    read,
    renamed,
    text,
    twin,
)


@cache
def composed(name: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    with contextlib.chdir(ROOT):
        config = hydra_search.compose(RECIPES / f"{name}.yaml")
    return leaves(OmegaConf.to_container(config, resolve=False))


@pytest.fixture
def compose():
    """The whole configuration that veRL gets from a recipe, interpolations as they are written."""
    pytest.importorskip("hydra")
    if hydra_search.config_folder() is None:
        pytest.skip("verl is not installed")
    return composed


def test_a_tiny_verl_recipe_changes_sizes_paths_and_cpu_settings_only(compose) -> None:
    on_cpu = leaves(read("shared/cpu"))
    for tiny in filter(is_tiny, VERL):
        small, large = compose(tiny), compose(renamed(tiny, lambda stem: stem.removeprefix("tiny_")))
        changed, paths = differing(small, large), VERL_PATHS | (AGENT_PATHS if tiny in AGENTS else set())
        paths |= TOY_MEDIA if tiny.startswith(("video_r1/", "open_r1_video/", "ego3s/")) else set()
        paths |= GROUNDING if tiny.startswith("ego3s/") else set()
        assert changed <= paths | VERL_SIZES | on_cpu.keys(), tiny
        assert changed >= paths, f"{tiny}: both would write to the same place"
        own = {"trainer.logger"} | ({"actor_rollout_ref.rollout.dtype"} if "qwen3_5" in tiny else set())
        assert {key for key in on_cpu if small[key] != on_cpu[key]} <= own, tiny


def test_a_preset_changes_hyper_parameters_and_nothing_of_what_is_trained(compose) -> None:
    same = {"data.train_files", "data.val_files", "actor_rollout_ref.model.path", "algorithm.adv_estimator"}
    for preset, original in PRESETS.items():
        assert f"recipes/{twin(original)}.yaml" in text(preset), preset
        changed = differing(compose(preset), compose(original))
        assert not changed & same and changed >= LOGS | {"trainer.experiment_name"}, preset


@pytest.mark.e2e
def test_verl_itself_composes_a_recipe_of_a_folder_from_anywhere(compose) -> None:
    """`hydra.searchpath` is relative to the working directory, which the launcher makes the repository."""
    command = [ROOT / "launch/grpo.sh", "../recipes/ego_r1/tiny_grpo.yaml", "--cfg", "job"]
    done = subprocess.run(command, cwd=ROOT / "docs", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs, ours = leaves(yaml.safe_load(done.stdout)), compose("ego_r1/tiny_grpo")
    assert differing(theirs, ours) == set()


def test_the_turns_of_an_agent_fit_its_response(compose) -> None:
    assert len(AGENTS) >= 7
    for name in AGENTS:
        config = compose(name)
        loops = yaml.safe_load((ROOT / config["actor_rollout_ref.rollout.agent.agent_loop_config_path"]).read_text())
        [loop] = [loop for loop in loops if loop["name"] == ("ego_r1_native" if "qwen3vl" in name else "ego_r1")]
        budget, turns = loop["budget"], loop["turns"]
        wrapped = 32  # tokens around an observation
        observation = budget["tokens"] + budget["images"] * budget.get("pixels", 0) / 32**2 + wrapped
        assert turns * loop["turn_tokens"] + (turns - 1) * observation <= config["data.max_response_length"], name
        assert (turns - 1) * budget["images"] <= config.get("actor_rollout_ref.rollout.limit_images", 0), name
        assert "qwen3vl" in name or budget["images"] == 0, f"{name}: a text-only model sees no pictures"


def test_an_agent_is_not_validated_on_its_benchmark(compose) -> None:
    for name in AGENTS:
        files = [compose(name)[f"data.{split}_files"] for split in ("train", "val")]
        assert files[0] != files[1] and not any("bench" in file or "test" in file for file in files), name


def test_rollouts_fit_their_context(compose) -> None:
    for name in VERL:
        config = compose(name)
        prompt, response = config["data.max_prompt_length"], config["data.max_response_length"]
        assert prompt + response <= config["actor_rollout_ref.rollout.max_model_len"], name


def test_sft_and_grpo_of_one_model_have_one_pixel_budget(compose) -> None:
    for size, model in itertools.product(("", "tiny_"), ("qwen3vl", "qwen3_5")):
        sft, grpo = f"{size}sft_{model}", f"{size}grpo_{model}_choice"
        trained, config = read(sft), compose(grpo)
        for medium in ("image", "video"):
            budget = {key: value for key, value in config.items() if key.startswith(f"data.media.{medium}.")}
            assert budget == {f"data.media.{medium}.max_pixels": trained[f"{medium}_max_pixels"]}
        assert config["data.media.root"] == trained["media_dir"]


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


def test_a_recipe_says_whether_the_vision_tower_is_trained(compose) -> None:
    """Fine-tuning freezes it. veRL trains it whatever a recipe says, but for adapters that leave it out."""
    for name in LLAMA_FACTORY:
        recipe = read(name)
        if recipe.get("do_train") and "vl" in recipe["template"].split("_"):
            assert recipe["freeze_vision_tower"] is True, name
    seeing = [name for name in VERL if not is_tiny(name) and "VL" in str(compose(name)["actor_rollout_ref.model.path"])]
    assert len(seeing) > 4
    for name in seeing:
        chain = hydra_chain.follow(load(RECIPES / f"{name}.yaml"))
        assert any("vision tower" in document.text.lower() for document, _ in chain.files), name


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

"""A tiny recipe is its full recipe with another model, other sizes and other paths; the registry is one that
LLaMA-Factory reads."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"

LLAMA_FACTORY = {
    "tiny_sft_qwen3vl": "sft_qwen3vl",
    "tiny_sft_lora_qwen3vl": "sft_qwen3vl_lora",
    "tiny_merge_lora_qwen3vl": "merge_qwen3vl_lora",
    "tiny_sft_egocross_full": "sft_egocross_full",
    "tiny_sft_egocross_lora": "sft_egocross_lora",
    "tiny_sft_egocross_video": "sft_egocross_video",
    "tiny_merge_egocross_lora": "merge_egocross_lora",
    "tiny_sft_ego_cott": "sft_ego_cott",
    "tiny_sft_ego_cott_lora": "sft_ego_cott_lora",
    "tiny_merge_ego_cott_lora": "merge_ego_cott_lora",
    "tiny_sft_video_r1": "sft_video_r1",
}
VARIANTS = {  # the same recipe on another data set, which shares its tiny twin
    f"sft_egocross_{domain}_{kind}": f"sft_egocross_{kind}"
    for domain in ("animal", "industry", "surgery", "xsports")
    for kind in ("full", "lora")
}
VERL = {
    "tiny_grpo_qwen3vl_choice": "grpo_qwen3vl_choice",
    "tiny_grpo_ego_r1": "grpo_ego_r1",
    "tiny_grpo_ego_r1_qwen3vl": "grpo_ego_r1_qwen3vl",
    "tiny_ppo_ego_r1": "ppo_ego_r1",
}
PRESETS = {"grpo_ego_r1_paper": "grpo_ego_r1"}  # other hyper-parameters of a recipe, whose tiny twin they share
AGENTS = {name for name in (*VERL, *VERL.values(), *PRESETS) if "ego_r1" in name}
TWINS = LLAMA_FACTORY | VERL
NO_TWIN = {"tiny_base", "cpu"}  # tiny in itself; no recipe
SETTINGS = ("tools_", "agent_", "cott_")  # beginnings of files that recipes name

PATHS = {"model_name_or_path", "adapter_name_or_path", "output_dir", "export_dir"}
SIZES = {
    "cutoff_len", "lora_rank", "lora_alpha", "learning_rate", "per_device_train_batch_size",
    "gradient_accumulation_steps", "num_train_epochs", "preprocessing_num_workers", "dataloader_num_workers",
}  # fmt: skip
ON_CPU = {"bf16", "use_cpu", "deepspeed", "disable_gradient_checkpointing", "enable_liger_kernel"}

VERL_PATHS = {"actor_rollout_ref.model.path", "trainer.experiment_name"}
LOGS = {f"ray_kwargs.ray_init.runtime_env.env_vars.{name}" for name in ("TENSORBOARD_DIR", "VERL_FILE_LOGGER_ROOT")}
AGENT_PATHS = LOGS | {
    "data.train_files", "data.val_files", "actor_rollout_ref.rollout.agent.agent_loop_config_path",
}  # fmt: skip
VERL_SIZES = {
    "data.train_batch_size", "data.max_prompt_length", "data.max_response_length", "actor_rollout_ref.actor.optim.lr",
    "actor_rollout_ref.actor.ppo_mini_batch_size", "actor_rollout_ref.actor.ppo_max_token_len_per_gpu",
    "actor_rollout_ref.rollout.max_model_len", "actor_rollout_ref.rollout.max_num_seqs",
    "actor_rollout_ref.actor.optim.lr_warmup_steps", "actor_rollout_ref.rollout.limit_images",
    "critic.optim.lr", "critic.ppo_max_token_len_per_gpu", "trainer.critic_warmup",
    "trainer.total_training_steps", "trainer.save_freq", "trainer.test_freq",
    "reward.custom_reward_function.reward_kwargs.longest",
}  # fmt: skip


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((RECIPES / f"{name}.yaml").read_text())


def leaves(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys and their values; a list is one value."""
    if not isinstance(config, dict):
        return {prefix: config}
    return {key: value for name in config for key, value in leaves(config[name], f"{prefix}.{name}".strip(".")).items()}


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    absent = object()
    return {key for key in one.keys() | other.keys() if one.get(key, absent) != other.get(key, absent)}


def test_every_recipe_has_a_tiny_twin_and_names_it() -> None:
    found = {path.stem for path in RECIPES.glob("*.yaml")} - NO_TWIN - VARIANTS.keys() - PRESETS.keys()
    found = {name for name in found if not name.startswith(SETTINGS)}
    assert {name for name in found if name.startswith("tiny_")} == set(TWINS)
    assert {name for name in found if not name.startswith("tiny_")} == set(TWINS.values())
    for tiny, full in TWINS.items():
        assert f"recipes/{tiny}.yaml" in (RECIPES / f"{full}.yaml").read_text()
        assert f"{full}.yaml" in (RECIPES / f"{tiny}.yaml").read_text().splitlines()[0]


@pytest.mark.parametrize(("tiny", "full"), LLAMA_FACTORY.items())
def test_a_tiny_llamafactory_recipe_changes_sizes_and_paths_only(tiny: str, full: str) -> None:
    small, large = read(tiny), read(full)
    changed = differing(small, large)
    assert changed <= PATHS | SIZES | ON_CPU
    assert changed >= PATHS & large.keys(), "both would write to the same place"


@pytest.mark.parametrize(("variant", "original"), VARIANTS.items())
def test_a_variant_is_its_original_on_another_data_set(variant: str, original: str) -> None:
    assert differing(read(variant), read(original)) == {"dataset", "media_dir", "output_dir"}
    assert f"recipes/tiny_{original}.yaml" in (RECIPES / f"{variant}.yaml").read_text()


@pytest.mark.parametrize("name", [*LLAMA_FACTORY, *LLAMA_FACTORY.values(), *VARIANTS])
def test_a_recipe_begins_with_its_launch_line_and_names_no_absolute_path(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text()
    assert f"recipes/{name}.yaml" in text.splitlines()[1]
    assert not [value for value in read(name).values() if isinstance(value, str) and value.startswith(("/", "~"))]
    if not name.startswith(("tiny_", "merge_")):
        assert "# Hardware: " in text and "not measured" in text.lower().replace("\n#", "")


@pytest.mark.parametrize("name", [*LLAMA_FACTORY, *LLAMA_FACTORY.values(), *VARIANTS])
def test_the_template_is_that_of_the_model(name: str) -> None:
    model, template = read(name)["model_name_or_path"].lower().replace("_", "."), read(name)["template"]
    kinds = {"qwen3-vl-4b-instruct": "qwen3_vl_nothink", "qwen3.vl": "qwen3_vl_nothink", "qwen2.5-vl": "qwen2_vl",
             "qwen2.5.vl": "qwen2_vl", "qwen2.5": "qwen"}  # fmt: skip
    assert template == next(kind for key, kind in kinds.items() if key in model)


@pytest.mark.parametrize(("merge", "train"), [
    ("merge_qwen3vl_lora", "sft_qwen3vl_lora"), ("tiny_merge_lora_qwen3vl", "tiny_sft_lora_qwen3vl"),
    ("merge_egocross_lora", "sft_egocross_lora"), ("tiny_merge_egocross_lora", "tiny_sft_egocross_lora"),
    ("merge_ego_cott_lora", "sft_ego_cott_lora"), ("tiny_merge_ego_cott_lora", "tiny_sft_ego_cott_lora"),
])  # fmt: skip
def test_a_merge_recipe_continues_its_training_recipe(merge: str, train: str) -> None:
    made, trained = read(merge), read(train)
    assert made["adapter_name_or_path"] == trained["output_dir"]
    assert all(made[key] == trained[key] for key in ("model_name_or_path", "template", "trust_remote_code"))


@pytest.fixture(scope="module")
def compose():
    """The whole configuration that veRL gets from a recipe, interpolations as they are written."""
    hydra = pytest.importorskip("hydra")
    verl = importlib.util.find_spec("verl")
    if verl is None:
        pytest.skip("verl is not installed")
    from omegaconf import OmegaConf

    [package] = verl.submodule_search_locations or []

    @cache
    def made(name: str) -> dict[str, Any]:
        with hydra.initialize_config_dir(str(RECIPES), version_base=None):
            search = f"hydra.searchpath=[file://{package}/trainer/config]"
            return leaves(OmegaConf.to_container(hydra.compose(name, overrides=[search]), resolve=False))

    return made


@pytest.mark.parametrize(("tiny", "full"), VERL.items())
def test_a_tiny_verl_recipe_changes_sizes_paths_and_cpu_settings_only(compose, tiny: str, full: str) -> None:
    small, large = compose(tiny), compose(full)
    changed, paths = differing(small, large), VERL_PATHS | (AGENT_PATHS if tiny in AGENTS else set())
    assert changed <= paths | VERL_SIZES | leaves(read("cpu")).keys()
    assert changed >= paths, "both would write to the same place"


@pytest.mark.parametrize("tiny", VERL)
def test_the_tiny_verl_recipe_is_what_runs_on_a_cpu(compose, tiny: str) -> None:
    small, on_cpu = compose(tiny), leaves(read("cpu"))
    assert {key for key in on_cpu if small[key] != on_cpu[key]} <= {"trainer.logger"}


@pytest.mark.parametrize(("preset", "original"), PRESETS.items())
def test_a_preset_changes_hyper_parameters_and_nothing_of_what_is_trained(compose, preset: str, original: str) -> None:
    assert f"recipes/tiny_{original}.yaml" in (RECIPES / f"{preset}.yaml").read_text()
    same = {"data.train_files", "data.val_files", "actor_rollout_ref.model.path", "algorithm.adv_estimator"}
    changed = differing(compose(preset), compose(original))
    assert not changed & same and changed >= LOGS | {"trainer.experiment_name"}


@pytest.mark.parametrize("name", sorted(AGENTS))
def test_the_turns_of_an_agent_fit_its_response(compose, name: str) -> None:
    config = compose(name)
    loops = yaml.safe_load((ROOT / config["actor_rollout_ref.rollout.agent.agent_loop_config_path"]).read_text())
    [loop] = [loop for loop in loops if loop["name"] == ("ego_r1_native" if "qwen3vl" in name else "ego_r1")]
    budget = loop["budget"]
    observation = budget["tokens"] + budget["images"] * budget.get("pixels", 0) / 32**2 + 32  # and what wraps it
    turns = loop["turns"]
    assert turns * loop["turn_tokens"] + (turns - 1) * observation <= config["data.max_response_length"]
    assert (turns - 1) * budget["images"] <= config.get("actor_rollout_ref.rollout.limit_images", 0)
    if "qwen3vl" not in name:
        assert budget["images"] == 0, "a model of text sees no pictures"


def test_the_agent_loops_of_the_tiny_recipes_differ_in_tools_and_sizes_only() -> None:
    full = {loop["name"]: loop for loop in yaml.safe_load((RECIPES / "agent_egolife.yaml").read_text())}
    tiny = {loop["name"]: loop for loop in yaml.safe_load((RECIPES / "agent_toy.yaml").read_text())}
    assert full.keys() == tiny.keys()
    sizes = {"toolbox", "turns", "turn_tokens", "budget.tokens", "budget.images", "budget.pixels"}
    for name in full:
        assert differing(leaves(tiny[name]), leaves(full[name])) <= sizes


def test_an_agent_is_not_validated_on_its_benchmark(compose) -> None:
    for name in AGENTS:
        files = [compose(name)[f"data.{split}_files"] for split in ("train", "val")]
        assert files[0] != files[1] and not any("bench" in file or "test" in file for file in files)


def test_rollouts_fit_their_context(compose) -> None:
    for name in (*VERL, *VERL.values()):
        config = compose(name)
        prompt, response = config["data.max_prompt_length"], config["data.max_response_length"]
        assert prompt + response <= config["actor_rollout_ref.rollout.max_model_len"]


def test_sft_and_grpo_of_one_model_have_one_pixel_budget(compose) -> None:
    for sft, grpo in (("sft_qwen3vl", "grpo_qwen3vl_choice"), ("tiny_sft_qwen3vl", "tiny_grpo_qwen3vl_choice")):
        trained, config = read(sft), compose(grpo)
        for medium in ("image", "video"):
            budget = {key: value for key, value in config.items() if key.startswith(f"data.media.{medium}.")}
            assert budget == {f"data.media.{medium}.max_pixels": trained[f"{medium}_max_pixels"]}
        assert config["data.media.root"] == trained["media_dir"]


REGISTRY = json.loads((ROOT / "dataset_info.json").read_text())


@pytest.mark.parametrize("name", REGISTRY)
def test_a_registry_entry_is_complete(name: str) -> None:
    entry = REGISTRY[name]
    assert entry["formatting"] == "sharegpt"
    assert entry["columns"].keys() >= {"messages", "images", "videos"}
    assert entry["tags"].keys() >= {"role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag"}
    assert Path(entry["file_name"]).parts[0] == "datasets"


def test_the_datasets_of_the_recipes_are_registered() -> None:
    recipes = [read(name) for name in (*LLAMA_FACTORY, *LLAMA_FACTORY.values(), *VARIANTS, "tiny_base")]
    named = {recipe["dataset"] for recipe in recipes if "dataset" in recipe}
    assert named and named <= REGISTRY.keys()
    for recipe in recipes:
        if "dataset" in recipe:
            folder = Path(REGISTRY[recipe["dataset"]]["file_name"]).parent
            assert Path(recipe["media_dir"]) in (folder, folder / "media")  # beside the rows, or a link to a release


def test_llamafactory_reads_the_registry() -> None:
    parser = pytest.importorskip("llamafactory.data.parser")
    read_back = parser.get_dataset_list(list(REGISTRY), str(ROOT))
    assert len(read_back) == len(REGISTRY)
    for attributes, entry in zip(read_back, REGISTRY.values(), strict=True):
        assert (attributes.load_from, attributes.dataset_name) == ("file", entry["file_name"])
        for key, value in (entry["columns"] | entry["tags"] | {"formatting": entry["formatting"]}).items():
            assert getattr(attributes, key) == value

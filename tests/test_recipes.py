"""A tiny recipe is its full recipe with another model, other sizes and other paths; the registry is one that
LLaMA-Factory reads. The twin of X.yaml is tiny_X.yaml beside it."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firsthand.files import read_yaml
from firsthand.recipe import llamafactory_facts
from firsthand.recipe.kind import detect

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"


def read(name: str) -> Any:
    return read_yaml(RECIPES / f"{name}.yaml")


def text(name: str) -> str:
    return (RECIPES / f"{name}.yaml").read_text()


def named(kinds: set[str]) -> list[str]:
    """The recipes of these kinds, as paths without suffix. All of toy/ is tiny in itself, and shared/ is inherited."""
    names = [str(path.relative_to(RECIPES).with_suffix("")) for path in sorted(RECIPES.rglob("*.yaml"))]
    return [name for name in names if detect(read(name)) in kinds and not name.startswith(("toy/", "shared/"))]


def renamed(name: str, change: Callable[[str], str]) -> str:
    folder, slash, stem = name.rpartition("/")
    return folder + slash + change(stem)


def twin(name: str) -> str:
    return renamed(name, lambda stem: f"tiny_{stem}")


def is_tiny(name: str) -> bool:
    return name.rpartition("/")[2].startswith("tiny_")


def preset_of(name: str) -> str | None:
    """Other hyper-parameters of the recipe that it inherits first, whose tiny twin it shares."""
    if is_tiny(name) or twin(name) in VERL:
        return None
    original = renamed(name, lambda stem: str(read(name)["defaults"][0]))
    return original if original in VERL else None


LLAMA_FACTORY = named({"llamafactory train", "llamafactory export"})
VERL = named({"verl"})
PRESETS = {name: original for name in VERL if (original := preset_of(name))}
AGENTS = [name for name in VERL if name.startswith("ego_r1/")]

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
TOY_MEDIA = {"data.train_files", "data.val_files", "data.media.root"}
GROUNDING = {f"reward.custom_reward_function.reward_kwargs.grounding.{key}" for key in ("regions", "threshold")}
VERL_SIZES = {
    "data.train_batch_size", "data.max_prompt_length", "data.max_response_length", "actor_rollout_ref.actor.optim.lr",
    "data.media.video.min_pixels", "data.media.video.min_frames",
    "actor_rollout_ref.actor.ppo_mini_batch_size", "actor_rollout_ref.actor.ppo_max_token_len_per_gpu",
    "actor_rollout_ref.rollout.max_model_len", "actor_rollout_ref.rollout.max_num_seqs",
    "actor_rollout_ref.actor.optim.lr_warmup_steps", "actor_rollout_ref.actor.optim.lr_scheduler_type",
    "actor_rollout_ref.actor.optim.min_lr_ratio", "actor_rollout_ref.rollout.limit_images",
    "actor_rollout_ref.model.lora_rank", "actor_rollout_ref.model.lora_alpha",
    "critic.optim.lr", "critic.ppo_max_token_len_per_gpu", "trainer.critic_warmup",
    "trainer.total_epochs", "trainer.total_training_steps", "trainer.save_freq", "trainer.test_freq",
    "reward.custom_reward_function.reward_kwargs.longest",
    "trainer.v1.sampler.sampler_kwargs.group_rewards.length.shortest",
    "trainer.v1.sampler.sampler_kwargs.group_rewards.length.longest",
}  # fmt: skip


def leaves(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys and their values; a list is one value."""
    if not isinstance(config, dict):
        return {prefix: config}
    return {key: value for name in config for key, value in leaves(config[name], f"{prefix}.{name}".strip(".")).items()}


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    absent = object()
    return {key for key in one.keys() | other.keys() if one.get(key, absent) != other.get(key, absent)}


def test_every_recipe_has_a_tiny_twin_and_names_it() -> None:
    names = [*LLAMA_FACTORY, *VERL]
    assert len(names) > 25 and len(PRESETS) < 3
    for full in names:
        if is_tiny(full):
            assert renamed(full, lambda stem: stem.removeprefix("tiny_")) in names, f"{full}: it is nobody's twin"
        elif full not in PRESETS:
            assert twin(full) in names, f"{full}: it has no tiny twin"
            assert f"recipes/{twin(full)}.yaml" in text(full), full
            assert f"{full.rpartition('/')[2]}.yaml" in text(twin(full)).splitlines()[0], twin(full)


def test_a_tiny_llamafactory_recipe_changes_sizes_and_paths_only() -> None:
    pairs = [name for name in LLAMA_FACTORY if not is_tiny(name)]
    assert len(pairs) > 8
    for full in pairs:
        small, large = read(twin(full)), read(full)
        changed = differing(small, large)
        assert changed <= PATHS | SIZES | ON_CPU, full
        assert changed >= PATHS & large.keys(), f"{full}: both would write to the same place"


def test_a_recipe_begins_with_its_launch_line_and_names_no_absolute_path() -> None:
    for name in (*LLAMA_FACTORY, *VERL):
        file = RECIPES / f"{name}.yaml"
        launched = re.match(r"(#.*\n)*", text(name))[0]
        config_dir = f"--config-dir {file.parent.relative_to(ROOT)} --config-name {file.stem}"
        assert f"recipes/{name}.yaml" in launched or config_dir in launched, name
        values = [value for value in leaves(read(name)).values() if isinstance(value, str)]
        assert not [value for value in values if value.startswith(("/", "~"))], name
        if not file.name.startswith(("tiny_", "merge_")):
            assert "# Hardware: " in text(name) and "measured" in text(name), name


def test_the_template_is_that_of_the_model() -> None:
    kinds = {"qwen3-vl-4b-instruct": "qwen3_vl_nothink", "qwen3.vl": "qwen3_vl_nothink", "qwen2.5-vl": "qwen2_vl",
             "qwen2.5.vl": "qwen2_vl", "qwen2.5": "qwen", "qwen3.5": "qwen3_5_nothink"}  # fmt: skip
    for name in LLAMA_FACTORY:
        model = read(name)["model_name_or_path"].lower().replace("_", ".")
        assert read(name)["template"] == next(kind for key, kind in kinds.items() if key in model), name


def test_a_merge_recipe_continues_its_training_recipe() -> None:
    merges = [name for name in LLAMA_FACTORY if "export_dir" in read(name)]
    assert len(merges) >= 6
    for name in merges:
        made, trained = read(name), read(renamed(name, lambda stem: stem.replace("merge", "sft")))
        assert made["adapter_name_or_path"] == trained["output_dir"], name
        assert all(made[key] == trained[key] for key in ("model_name_or_path", "template", "trust_remote_code")), name


@pytest.mark.parametrize("kind", ["sft", "sft_lora"])
def test_one_domain_of_egocross_is_three_values_behind_the_recipe(kind: str, monkeypatch, tmp_path: Path) -> None:
    """The line of recipes/egocross/README.md: the launcher hands it on, and LLaMA-Factory's own parser reads it."""
    parser = pytest.importorskip("llamafactory.hparams.parser")
    from llamafactory.hparams import get_train_args

    monkeypatch.chdir(ROOT)
    page = (RECIPES / "egocross/README.md").read_text().replace("\\\n", " ")
    lines = [line for line in page.splitlines() if line.startswith(f"launch/sft.sh recipes/egocross/{kind}.yaml ")]
    [line] = [line for line in lines if "dataset=" in line]
    for domain in ("animal", "industry", "surgery", "xsports"):
        typed = shlex.split(line.replace("animal", domain))
        done = subprocess.run([typed[0], "--dry-run", *typed[1:]], capture_output=True, text=True)
        command = shlex.split(done.stdout)
        monkeypatch.setattr("sys.argv", command[command.index("llamafactory-cli") + 1 :])
        values = parser.read_args()
        folder = f"datasets/egocross_support_{domain}"
        assert REGISTRY[values["dataset"]]["file_name"] == f"{folder}/sft.jsonl"
        assert values["media_dir"] == f"{folder}/media" and domain in values["output_dir"]
        assert differing(values, read(f"egocross/{kind}")) == {"dataset", "media_dir", "output_dir"}
        assert values.keys() <= llamafactory_facts.fields(llamafactory_facts.TRAIN).keys()
        changed = {key: values[key] for key in ("dataset", "media_dir")} | {"output_dir": str(tmp_path / domain)}
        _, data, training, _, _ = get_train_args(read(f"egocross/tiny_{kind}") | changed)
        assert (data.dataset, data.media_dir) == ([values["dataset"]], values["media_dir"])
        assert training.output_dir == changed["output_dir"]


def test_the_agent_loops_of_the_tiny_recipes_differ_in_tools_and_sizes_only() -> None:
    full = {loop["name"]: loop for loop in read("ego_r1/loops/egolife")}
    tiny = {loop["name"]: loop for loop in read("toy/loop")}
    assert full.keys() == tiny.keys()
    sizes = {"toolbox", "turns", "turn_tokens", "budget.tokens", "budget.images", "budget.pixels"}
    for name in full:
        assert differing(leaves(tiny[name]), leaves(full[name])) <= sizes


REGISTRY = json.loads((ROOT / "dataset_info.json").read_text())


def test_a_registry_entry_is_complete() -> None:
    for name, entry in REGISTRY.items():
        assert entry["formatting"] == "sharegpt", name
        assert entry["columns"].keys() >= {"messages", "images", "videos"}, name
        assert entry["tags"].keys() >= {"role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag"}, name
        assert Path(entry["file_name"]).parts[0] == "datasets", name


def test_the_datasets_of_the_recipes_are_registered() -> None:
    trained = {name: read(name) for name in (*LLAMA_FACTORY, "toy/base") if "dataset" in read(name)}
    assert len(trained) > 12
    for name, recipe in trained.items():
        folder = Path(REGISTRY[recipe["dataset"]]["file_name"]).parent
        assert Path(recipe["media_dir"]) in (folder, folder / "media"), name  # beside the rows, or a link to a release


def test_llamafactory_reads_the_registry() -> None:
    parser = pytest.importorskip("llamafactory.data.parser")
    read_back = parser.get_dataset_list(list(REGISTRY), str(ROOT))
    assert len(read_back) == len(REGISTRY)
    for attributes, entry in zip(read_back, REGISTRY.values(), strict=True):
        assert (attributes.load_from, attributes.dataset_name) == ("file", entry["file_name"])
        for key, value in (entry["columns"] | entry["tags"] | {"formatting": entry["formatting"]}).items():
            assert getattr(attributes, key) == value

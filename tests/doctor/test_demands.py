"""What a recipe asks of a machine: each sum against one done by hand, and nothing for a machine that it fits."""

import json
import textwrap
from pathlib import Path

import pytest

from firsthand.doctor import recipes
from firsthand.doctor.machine import versions

from .conftest import GOOD, chat

GPU = {"name": "NVIDIA X", "memory.total": "9", "memory.free": "9", "driver_version": "580"}
LARGE = {"extra": "cuda", "gpus": [GPU], "cpu_cores": 64, "memory_available_gib": 500.0}
SDPA = "override_config: {attn_implementation: sdpa}"
MODEL = "    path: Qwen/Qwen3-VL-4B-Instruct"
SET_UP = f"{MODEL}\n    use_fused_kernels: true\n    {SDPA}"

OUR_PATCHES = (
    "ray_kwargs: {ray_init: {runtime_env: {env_vars: {VERL_USE_EXTERNAL_MODULES: firsthand.training.video_prompts}}}}"
)


@pytest.fixture
def demands(workshop: Path, monkeypatch):
    """Rule, level, words of message and fix of what is found beyond the recipe itself; changes are pairs of texts."""
    installed = versions.installed
    monkeypatch.setattr(versions, "installed", lambda name: None if name == "flash-attn" else installed(name))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def run(kind: str, *changes: tuple[str, str], **here) -> list[tuple[str, str, str]]:
        text = textwrap.dedent(GOOD[kind])
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (workshop / "recipe.yaml").write_text(text)
        alone = recipes.check(Path("recipe.yaml")).findings
        found = recipes.check(Path("recipe.yaml"), here=LARGE | here).findings
        return [(one.rule, one.level, f"{one.message} | {one.fix}") for one in found if one not in alone]

    return run


def test_a_recipe_without_flash_attention_fits(demands) -> None:
    assert demands("verl", (MODEL, SET_UP)) == []


@pytest.mark.parametrize(("extra", "level"), [("cuda", "error"), ("cpu", "info"), (None, "info")])
def test_the_default_attention_is_an_error_where_gpus_are_meant(demands, extra, level) -> None:
    found = demands("verl", extra=extra)
    assert [(rule, each) for rule, each, _ in found] == [("VR051", level), ("VR051", found[1][1])]
    assert "attn_implementation: sdpa" in found[0][2] or "attn_implementation: sdpa" in found[1][2]


def test_with_flash_attention_nothing_is_said(demands, monkeypatch) -> None:
    monkeypatch.setattr(versions, "installed", lambda name: "2.8.3")
    assert demands("verl") == []


def test_the_loop_over_tokens_is_a_warning(demands) -> None:
    [(rule, level, said)] = demands("verl", (MODEL, f"{MODEL}\n    {SDPA}"))
    assert (rule, level) == ("VR051", "warning") and "use_fused_kernels: true" in said


def test_qwen2_5_vl_is_packed_without_flash_attention_by_our_patch_only(demands) -> None:
    model = SET_UP.replace("Qwen3-VL-4B", "Qwen2.5-VL-7B")
    patch = [("max_prompt_length: 1024", "max_prompt_length: 1024\n  image_patch_size: 14")]
    [(rule, level, said)] = demands("verl", (MODEL, f"{model}\n    use_remove_padding: true"), *patch)
    assert (rule, level) == ("VR051", "error") and "firsthand.training.video_prompts" in said
    patched = ("algorithm:\n", f"{OUR_PATCHES}\nalgorithm:\n")
    assert demands("verl", (MODEL, f"{model}\n    use_remove_padding: true"), *patch, patched) == []


def test_the_critic_needs_its_own_line_and_our_patch(demands) -> None:
    ppo = (MODEL, SET_UP), ("adv_estimator: grpo", "adv_estimator: gae")
    assert "critic.model.override_config" in demands("verl", *ppo)[0][2]
    own = ("algorithm:\n", f"critic: {{model: {{{SDPA}}}}}\nalgorithm:\n")
    [(rule, level, said)] = demands("verl", *ppo, own)
    assert (rule, level) == ("VR051", "error") and "firsthand.training.video_prompts" in said
    assert demands("verl", *ppo, own, ("algorithm:\n", f"{OUR_PATCHES}\nalgorithm:\n")) == []


@pytest.mark.parametrize(("gpus", "cores"), [(1, 12), (4, 21), (8, 33)])
def test_cores_are_counted_as_ray_does(demands, gpus, cores) -> None:
    changes = (MODEL, SET_UP), ("n_gpus_per_node: 1", f"n_gpus_per_node: {gpus}")
    here = [GPU] * gpus
    assert demands("verl", *changes, cpu_cores=cores, gpus=here) == []
    [(rule, level, said)] = demands("verl", *changes, cpu_cores=cores - 1, gpus=here)
    assert (rule, level) == ("VR052", "error")
    assert f"1 + 8 storage units + 3 x {gpus} GPUs = {cores}" in said and "num_data_storage_units: 7" in said
    assert demands("verl", *changes, cpu_cores=1, gpus=[]) == [], "a laptop is not the machine that runs it"
    fewest = 3 * gpus + 1
    assert "fewer GPUs" in demands("verl", *changes, cpu_cores=fewest, gpus=here)[0][2]


def test_a_recipe_for_more_gpus_than_there_are_is_told(demands, monkeypatch) -> None:
    changes = (MODEL, SET_UP), ("n_gpus_per_node: 1", "n_gpus_per_node: 4")
    assert demands("verl", *changes, gpus=[GPU] * 4) == []
    [(rule, level, said)] = demands("verl", *changes, gpus=[GPU] * 2)
    assert (rule, level) == ("VR056", "error") and "4 GPUs are wanted, 2 are here" in said
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "n_gpus_per_node: 1" in demands("verl", *changes, gpus=[GPU] * 4)[0][2]


def test_the_gpus_that_are_asked_for_count_instead_of_those_of_the_recipe(workshop, demands) -> None:
    changes = (MODEL, SET_UP), ("n_gpus_per_node: 1", "n_gpus_per_node: 4")
    demands("verl", *changes)
    recipe, here = Path("recipe.yaml"), LARGE | {"cpu_cores": 12}
    for gpus, rules in ((None, {"VR052", "VR056"}), (1, set()), (8, set()), (3, {"VR015"})):
        found = {one.rule for one in recipes.check(recipe, here=here, gpus=gpus).findings}
        assert found & {"VR015", "VR052", "VR056"} == rules, gpus


def test_the_cores_that_a_recipe_gives_ray_count_on_any_machine(demands) -> None:
    few = ("trainer:\n", "ray_kwargs: {ray_init: {num_cpus: 4}}\ntrainer:\n")
    [(rule, _, said)] = demands("verl", (MODEL, SET_UP), few, gpus=[])
    assert rule == "VR052" and "num_cpus` is 4" in said


def weights(folder: Path, parameters: int, tied: bool) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_vl", "tie_word_embeddings": tied}))
    tensor = {"dtype": "BF16", "shape": [parameters // 1024, 1024], "data_offsets": [0, 0]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "model.weight": tensor}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize(("tied", "gpus", "needed"), [(True, 8, 128 + 8), (True, 1, 16 + 8), (False, 8, 16 + 8)])
def test_each_rank_loads_a_whole_model_with_tied_embeddings(demands, workshop, tied, gpus, needed) -> None:
    weights(workshop / "model", 4 << 30, tied)  # 16 GiB in float32
    local = SET_UP.replace("Qwen/Qwen3-VL-4B-Instruct", "model")
    changes = (MODEL, local), ("n_gpus_per_node: 1", f"n_gpus_per_node: {gpus}")
    here = [GPU] * gpus
    assert demands("verl", *changes, memory_available_gib=float(needed), gpus=here) == []
    [(rule, level, said)] = demands("verl", *changes, memory_available_gib=needed - 1.0, gpus=here)
    assert (rule, level) == ("VR054", "warning") and f"about {needed} are needed" in said


@pytest.mark.parametrize(("gpus", "steps", "every"), [(1, 10, 20), (4, 3, 6), (8, 2, 4)])
def test_the_gpus_decide_how_many_steps_a_small_data_set_has(demands, workshop, gpus, steps, every) -> None:
    rows = [chat(["a.png"], [], "<image> Where?")] * 79 + [chat([], [["f0.png", "f1.png"]], "<video> What?")]
    (workshop / "rows.json").write_text(json.dumps(rows))
    batch = "per_device_train_batch_size: 2\ngradient_accumulation_steps: 4\nnum_train_epochs: 2.0\nbf16: true"
    [(rule, level, said)] = demands("lf", ("bf16: true", batch), gpus=[GPU] * gpus)
    assert (rule, level) == ("LF041", "info") and f"{steps} steps an epoch, {every} in all, for 80 rows" in said


def test_hidden_gpus_take_no_steps_away(demands, workshop, monkeypatch) -> None:
    for visible, count in (("0", 1), ("0,1", 2), ("", 0)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        said = [words for _, _, words in demands("lf", gpus=[GPU] * 4)]
        assert len(said) == min(count, 1) and all(f"{count} GPUs x 1 x 1" in words for words in said)


@pytest.mark.parametrize("more", ["max_steps: 5", "val_size: 0.5", "neat_packing: true"])
def test_nothing_is_told_where_the_rows_do_not_decide(demands, more) -> None:
    assert demands("lf", ("bf16: true", f"bf16: true\n{more}")) == []


@pytest.mark.parametrize("mode", ["colocate_async", "separate_async"])
def test_our_sampler_is_refused_in_an_asynchronous_trainer(lint, mode) -> None:
    sampler = "custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}"
    trainer = f"trainer:\n  v1:\n    trainer_mode: {mode}  # <-\n    sampler: {{{sampler}}}\n"
    [finding] = lint("verl", "trainer:\n", trainer)
    assert (finding.rule, finding.level) == ("VR053", "error") and "trainer_mode: sync" in finding.fix
    assert lint("verl", "trainer:\n", trainer.replace(mode, "sync")) == []


def test_a_vision_tower_is_not_frozen_by_a_key_that_nothing_reads(lint) -> None:
    frozen = ("strategy: fsdp2", "strategy: fsdp2\n    freeze_vision_tower: true  # <-")
    [finding] = lint("verl", *frozen)
    assert (finding.rule, finding.level) == ("VR055", "warning") and "exclude_modules" in finding.fix
    assert lint("verl", frozen[0], frozen[1].replace("true", "false")) == []

"""Broken recipes: the rule, the line and the fix must be the right ones, and nothing else may be found.

A LLaMA-Factory case replaces one line of a recipe without a fault, and `# <-` marks the line to be named. The veRL
recipes in broken/ carry several faults each, marked as `# <- RULE words of the fix; RULE words of another`.
"""

import shutil
from pathlib import Path

import pytest

from firsthand.doctor import recipes

LF = [
    ("finetuning_type: lora", "finetuning_typ: lora  # <-", "LF001", "`finetuning_type`"),
    ("learning_rate: 1e-4", "learning_rat: 1e-4  # <-", "LF001", "`learning_rate`"),
    ("learning_rate: 1e-4", "surprise_me: 1  # <-", "LF001", "remove it"),
    ("bf16: true", "image_resolution: 512  # <-", "LF002", "image_max_pixels"),
    ("bf16: true", "evaluation_strategy: 'no'  # <-", "LF002", "eval_strategy"),
    ("bf16: true", "bf16: 'true'  # <-", "LF004", "without quotes"),
    ("learning_rate: 1e-4", "learning_rate: '1e-4'  # <-", "LF004", "float"),
    ("stage: sft", "stage: sfta  # <-", "LF004", "`sft`"),
    ("output_dir: runs/sft", "output_dir: runs/${oc.env:USER}  # <-", "LF005", "value itself"),
    ("template: qwen3_vl_nothink", "template: qwen3_vl_nothing  # <-", "LF010", "`qwen3_vl_nothink`"),
    ("template: qwen3_vl_nothink", "template: qwen3_vl  # <-", "LF011", "qwen3_vl_nothink"),
    ("template: qwen3_vl_nothink", "template: qwen2_vl  # <-", "LF011", "qwen3_vl_nothink"),
    (
        "model_name_or_path: Qwen/Qwen3-VL-4B-Instruct",
        "model_name_or_path: Qwen/Qwen2.5-VL-3B-Instruct",
        "LF011",
        "qwen2_vl",
    ),
    (
        "model_name_or_path: Qwen/Qwen3-VL-4B-Instruct",
        "model_name_or_path: Qwen/Qwen3-VL-4B-Thinking",
        "LF011",
        "qwen3_vl",
    ),
    ("template: qwen3_vl_nothink\n", "", "LF012", "template: qwen3_vl_nothink"),
    ("dataset_dir: .", "dataset_dir: elsewhere  # <-", "LF020", "dataset_info.json"),
    ("dataset: choice", "dataset: choise  # <-", "LF021", "`choice`"),
    ("media_dir: media", "media_dir: adapter  # <-", "LF026", "media_dir"),
    ("cutoff_len: 4096", "cutoff_len: 4  # <-", "LF030", "cutoff_len: 1024"),
    ("freeze_vision_tower: true", "freeze_vision_tower: false  # <-", "LF031", "merge before serving"),
    (
        "dataset: choice\ntemplate: qwen3_vl_nothink\ncutoff_len: 4096\nvideo_fps: 1.0",
        "dataset: choice  # <-\ntemplate: qwen3_vl_nothink",
        "LF032",
        "video_fps",
    ),
    ("bf16: true", "fp16: true  # <-\nuse_cpu: true", "LF034", "remove `fp16`"),
    ("bf16: true", "eval_strategy: steps  # <-", "LF036", "val_size"),
    ("finetuning_type: lora", "finetuning_type: full\nquantization_bit: 4  # <-", "LF036", "lora"),
    (
        "finetuning_type: lora",
        "finetuning_type: full  # <-\nadapter_name_or_path: adapter",
        "LF036",
        "finetuning_type: lora",
    ),
    ("bf16: true", "mask_history: true  # <-\ntrain_on_prompt: true", "LF036", "remove one"),
    ("do_train: true\n", "", "LF037", "do_train: true"),
    ("bf16: true", "deepspeed: recipes/zero2.json  # <-", "RC007", "correct the path"),
    ("output_dir: runs/sft", "output_dir: /home/me/runs/sft  # <-", "RC006", "relative"),
    ("bf16: true", "bf16: true\nstage: sft  # <-", "RC003", "keep one"),
]
EXPORT = [
    ("adapter_name_or_path: adapter", "adapter_name_or_path: runs/lost  # <-", "RC007", "correct the path"),
    (
        "adapter_name_or_path: adapter",
        "adapter_name_or_path: adapter\nquantization_bit: 4  # <-",
        "LF035",
        "after the merge",
    ),
    (
        "model_name_or_path: Qwen/Qwen3-VL-4B-Instruct",
        "model_name_or_path: Qwen/Qwen3-VL-4B-Instruct-AWQ  # <-",
        "LF035",
        "unquantised",
    ),
    (
        "export_dir: runs/merged",
        "export_dir: runs/merged\nlearning_rate: 1.0  # <-",
        "LF001",
        "remove it from this recipe",
    ),
    ("adapter_name_or_path: adapter", "adapter_name_or_path: [adapter]  # <-", "LF004", "`a,b`"),
]
CASES = [(kind, *case) for kind, cases in (("lf", LF), ("export", EXPORT)) for case in cases]
BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


@pytest.mark.parametrize("kind", ["lf", "export", "verl"])
def test_a_recipe_without_a_fault_has_no_finding(lint, kind):
    assert lint(kind) == []


@pytest.mark.parametrize(("kind", "old", "new", "rule", "fix"), CASES, ids=lambda value: value.strip()[:40])
def test_a_fault_is_found_with_its_line_and_its_fix(lint, kind, old, new, rule, fix):
    findings = lint(kind, old, new)
    assert {finding.rule for finding in findings} == {rule}
    lines = Path("recipe.yaml").read_text().splitlines()
    wanted = [number for number, line in enumerate(lines, 1) if "# <-" in line]
    for finding in findings:
        assert (finding.file, fix in finding.fix) == ("recipe.yaml", True), finding
        if wanted:
            assert [finding.line] == wanted


def test_rows_are_not_measured_with_a_limit_that_is_no_number(lint):
    first, second = lint("lf", "cutoff_len: 4096", "cutoff_len: '4096'")
    assert (first.rule, second.rule) == ("LF004", "LF028") and "int" in first.fix
    assert "cutoff_len: '4096' is not a positive integer" in second.message


@pytest.mark.parametrize("recipe", BROKEN, ids=lambda path: path.stem)
def test_every_fault_of_a_broken_verl_recipe(workshop, recipe):
    shutil.copy(recipe, workshop)
    wanted = [
        (*mark.strip().split(" ", 1), number)
        for number, line in enumerate(recipe.read_text().splitlines(), 1)
        for mark in line.partition("# <- ")[2].split(";")
        if mark
    ]
    findings = recipes.check(Path(recipe.name)).findings
    assert sorted((f.rule, f.line) for f in findings) == sorted((rule, number) for rule, _, number in wanted)
    for rule, fix, number in wanted:
        assert any((f.rule, f.line) == (rule, number) and fix in f.fix for f in findings), (rule, fix, number)


def test_every_fault_of_a_tool_recipe_and_of_the_files_it_names(lint, workshop):
    (workshop / "tools.yaml").write_text("tools:\n- class_name: reward.Tool\n  config: {type: mcp}\n")
    turns = "    n: 4\n    multi_turn:\n      enable: true\n      tool_config_path: tools.yaml"
    found = {(finding.rule, finding.file, finding.line) for finding in lint("verl", "    n: 4", turns)}
    lines = Path("recipe.yaml").read_text().splitlines()
    assert found == {
        ("VR010", "recipe.yaml", lines.index("    multi_turn:") + 1),  # where the missing key belongs
        ("VR018", "recipe.yaml", lines.index("trainer:") + 1),
        ("VR032", "recipe.yaml", lines.index("  rollout:") + 1),
        ("VR012", "tools.yaml", 2),
        ("VR025", "tools.yaml", 3),
    }


def test_an_included_file_is_found_by_the_search_path_of_the_launched_recipe(lint, workshop):
    (workshop / "shared").mkdir()
    (workshop / "shared/small.yaml").write_text("trainer: {devicee: cpu}\n")
    defaults = "[ppo_trainer, small, _self_]\nhydra: {searchpath: [%s]}"
    [finding] = lint("verl", "[ppo_trainer, _self_]", defaults % "file://shared")
    assert (finding.rule, finding.file, finding.line) == ("VR001", "shared/small.yaml", 1)
    [finding] = lint("verl", "[ppo_trainer, _self_]", defaults % "file://elsewhere")
    assert finding.rule == "VR007" and "no config `small` in ., elsewhere nor in veRL" in finding.message
    assert "name its folder in `hydra.searchpath`" in finding.fix


def test_a_fault_in_an_included_file_is_reported_there(lint, workshop):
    (workshop / "base.yaml").write_text("defaults: [ppo_trainer, _self_]\nhydra: {searchpath: []}\n")
    (workshop / "overlay.yaml").write_text("# @package actor_rollout_ref.rollout\nmulti_turns: {enable: true}\n")
    findings = lint("verl", "[ppo_trainer, _self_]", "[base, overlay, _self_]")
    assert {(finding.rule, finding.file, finding.line) for finding in findings} == {
        ("VR005", "base.yaml", 2),
        ("VR001", "overlay.yaml", 2),
    }


def test_an_overlay_that_verl_overwrites(lint, workshop):
    (workshop / "overlay.yaml").write_text("trainer: {nnodes: 2}\n")
    [finding] = lint("verl", "[ppo_trainer, _self_]", "[overlay, ppo_trainer, _self_]")
    assert (finding.rule, finding.line) == ("VR007", 1) and "overlay.yaml" in finding.message


def test_a_cpu_overlay_that_is_not_complete(lint, workshop):
    (workshop / "cpu.yaml").write_text("trainer: {device: cpu}\nactor_rollout_ref: {rollout: {enforce_eager: true}}\n")
    findings = lint("verl", "[ppo_trainer, _self_]", "[ppo_trainer, cpu, _self_]")
    assert {finding.rule for finding in findings} == {"VR026"}
    assert any("free_cache_engine: false" in finding.fix for finding in findings)
    assert not any("enforce_eager" in finding.fix for finding in findings)


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("datasets/toy/frames", "firsthand toy build"),
        ("datasets/egolife/frames", "datasets/egolife/README.md"),
        ("runs/first/checkpoint-10", "run first.yaml first"),
        ("runs/second", "correct the path"),
    ],
)
def test_a_missing_file_comes_with_the_way_to_get_it(lint, workshop, path, fix):
    (workshop / "datasets" / "egolife").mkdir(parents=True)
    (workshop / "datasets" / "egolife" / "README.md").write_text("the card")
    (workshop / "first.yaml").write_text("output_dir: runs/first  # an adapter\n")
    [finding] = lint("lf", "media_dir: media", f"media_dir: media\nadapter_name_or_path: {path}")
    assert finding.rule == "RC007" and fix in finding.fix


def test_a_tools_file_is_read_by_its_own_reader(tmp_path) -> None:
    path = tmp_path / "tools.yaml"
    path.write_text((Path(__file__).parents[2] / "recipes/toy/tools.yaml").read_text().replace("vlm:", "vln:"))
    (finding,) = recipes.check(path).findings
    assert (finding.rule, finding.key) == ("TL001", "tools.vln") and "'vlm'" in finding.message

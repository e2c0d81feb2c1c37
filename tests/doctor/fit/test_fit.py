"""Whether recipes fit: sums that can be checked by hand, verdicts, the command, and the page."""

import json
import re
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.doctor import recipes
from firsthand.doctor.fit import __main__ as page
from firsthand.doctor.fit import grpo, sft
from firsthand.doctor.fit.fit import Asked, fit, judge, read
from firsthand.doctor.fit.machine import GB, Machine
from firsthand.doctor.fit.report import reckon
from firsthand.doctor.fit.rows import Said
from firsthand.doctor.fit.step import Batch, Way, held, longest_row
from firsthand.files import read_yaml
from firsthand.recipe import hydra_search
from firsthand.recipe.kind import detect

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "recipes"
VL = "Qwen/Qwen3-VL-4B-Instruct"
TRAINED = ("verl", "llamafactory train", "egoagent")
VERL = pytest.mark.skipif(hydra_search.config_folder() is None, reason="verl is not installed")


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def tuned(**values):
    return sft.settings({"model_name_or_path": VL, "bf16": True} | values, Batch(1, 8192, 100), "")


ADAPTER, WHOLE = {"finetuning_type": "lora", "lora_rank": 64}, {"finetuning_type": "full"}
ZERO2, ZERO3 = ({"deepspeed": f"recipes/shared/deepspeed_zero{stage}.json"} for stage in (2, 3))


def static(given, gpus):
    return {part: round(size / GB, 1) for part, size in sft.weights(given, Machine(gpus, 80 * GB)).items()}


def test_what_stays_on_a_gpu_in_fine_tuning():
    """4.44 billion weights, 4.02 of them in the language model; the sums were made by hand."""
    assert static(tuned(**WHOLE, **ZERO2), 4) == {
        "weights": 8.9, "gradients": 2.0, "ZeRO's buckets": 3.0, "optimizer": 12.1}  # fmt: skip
    assert static(tuned(**WHOLE, **ZERO3), 8)["weights"] == 1.1 + 2.0
    adapter = static(tuned(**ADAPTER), 1)
    assert adapter == {"weights": 9.4, "gradients": 0.5, "optimizer": 1.1, "weights in bfloat16": 0.3}
    assert static(tuned(**ADAPTER), 2) == adapter | {"gradients on their way": 0.5}
    alone = static(tuned(**WHOLE), 1)
    assert alone["weights"] == pytest.approx(2 * 0.42 + 4 * 4.02, abs=0.1) and alone["optimizer"] == 32.2


def test_the_logits_of_all_tokens_are_two_megabytes_a_token():
    shape = tuned(**ADAPTER).shape
    every, few = (held(shape, Batch(1, 8192, told), Way(whole=False)) for told in (8191, 100))
    assert every["logits"] / 8192 == pytest.approx(2.13e6, rel=0.01)
    assert sum(few.values()) < 0.3 * sum(every.values())


def test_the_longest_row_is_one_that_just_fits():
    shape, way = tuned(**ADAPTER).shape, Way(whole=False, adapters=True)
    longest = longest_row(shape, Batch(1, 1000, 50, 900), way, 10 * GB)
    for tokens, fits in ((longest, True), (longest + 200, False)):
        seen = 900 * tokens // 1000
        assert (sum(held(shape, Batch(1, tokens, 50, seen), way).values()) <= 10 * GB) is fits


def trained(**keys):
    values = {"actor_rollout_ref.model.path": "Qwen/Qwen2.5-3B-Instruct", "data.max_prompt_length": 2048,
              "data.max_response_length": 2048, "actor_rollout_ref.rollout.gpu_memory_utilization": 0.6,
              "actor_rollout_ref.actor.use_dynamic_bsz": True, "actor_rollout_ref.actor.use_kl_loss": True}  # fmt: skip
    return grpo.settings((values | {key.replace("__", "."): value for key, value in keys.items()}).get)


def moment(given, name, gpus=1):
    [found] = [phase for phase in grpo.need(given, Machine(gpus, 80 * GB)).phases if phase.name == name]
    return {part: round(size / GB, 1) for part, size in found.parts.items()}


def test_the_engine_wakes_beside_weights_and_adam_in_float32():
    """3.09 billion weights on one GPU: 12.3 + 24.7 + 48 of 80 GB, which the second step does not survive."""
    given = trained()
    engine = {"the engine's weights": 6.2, "the engine's cache": 39.3, "the engine's own": 2.5}  # 48 of 80
    assert moment(given, "rollouts") == engine | {"weights": 12.3, "optimizer": 24.7, "allowance": 1.2}
    assert not grpo.need(given, Machine(1, 80 * GB)).fits(Machine(1, 80 * GB))
    assert moment(given, "rollouts", gpus=4)["optimizer"] == 6.2
    off = replace(given, parameters_off=True, optimizer_off=True)
    assert moment(off, "rollouts").keys() == {*engine, "allowance"}
    assert moment(off, "learning")["optimizer"] == 24.7, "to learn, everything is brought back"
    streamed = replace(given, streamed=True)
    assert (
        "optimizer" not in moment(streamed, "learning") and grpo.need(streamed, Machine(1, 80 * GB)).host["optimizer"]
    )


def test_a_critic_is_a_second_whole_model():
    given = trained(algorithm__adv_estimator="gae")
    assert moment(given, "rollouts")["the critic"] == pytest.approx(12.3 + 24.7, abs=0.1)
    learns = moment(given, "the critic learns")
    assert (learns["weights"], learns["gradients"], learns["optimizer"]) == (12.3, 12.3, 24.7)
    assert "logits" not in learns and learns["the actor"] == pytest.approx(37.0, abs=0.1)


def test_an_engine_without_room_for_one_rollout_does_not_start():
    need = grpo.need(trained(actor_rollout_ref__rollout__gpu_memory_utilization=0.1), Machine(1, 80 * GB))
    assert not need.starts and not need.fits(Machine(1, 1000 * GB)) and "does not start" in need.notes[0]


@VERL
def test_what_is_proposed_fits_when_it_is_done():
    """The proposal goes behind the recipe as it stands, and Hydra composes it."""
    for name, memory in (("grpo_qwen3vl_choice", 80), ("grpo_qwen3vl_choice", 24), ("ego_r1/ppo", 80)):
        recipe, asked = RECIPES / f"{name}.yaml", Asked(Machine(1, memory * GB), Said(unseen=True))
        first = fit(recipe, asked)
        assert first and not first.fits and first.ways
        for text, need in first.ways:
            done = fit(recipe, replace(asked, overrides=tuple(shlex.split(text))))
            assert done and done.fits, text
            assert done.need.worst.total == pytest.approx(need.worst.total, rel=0.02), text


def test_an_override_of_fine_tuning_is_read_as_yaml():
    asked = Asked(Machine(1, 24 * GB), Said(8000, 100, unseen=True))
    one, four = (fit(RECIPES / "sft_qwen3vl_lora.yaml", replace(asked, overrides=way))
                 for way in ((), ("per_device_train_batch_size=4",)))  # fmt: skip
    assert one and four and one.fits and not four.fits
    assert any("per_device_train_batch_size: 1, gradient_accumulation_steps: 64" in text for text, _ in four.ways)


def doctor(*arguments: object):
    done = CliRunner().invoke(app, ["doctor", "--no-environment", "--ignore", "RC007", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_the_command_says_what_takes_the_memory(tmp_path):
    fits = doctor("--recipe", "recipes/sft_qwen3vl_lora.yaml", "--memory", 24, "--tokens", 6000, "--answer-tokens", 50)
    assert fits.exit_code == 0
    assert "on 1 x 24 GB: fits (predicted)" in fits.stdout and "1 x 6,000 tokens, 50 of them answers" in fits.stdout
    wide = doctor("--recipe", "recipes/sft_qwen3vl.yaml", "--memory", 24, "--tokens", 6000)
    assert wide.exit_code == 1 and "FT001" in wide.stdout and "lora" in wide.stdout
    ignored = doctor("--recipe", "recipes/sft_qwen3vl.yaml", "--memory", 24, "--tokens", 6000, "--ignore", "FT001")
    assert ignored.exit_code == 0
    said = json.loads(doctor("--recipe", "recipes/sft_qwen3vl_lora.yaml", "--memory", 24, "--json").stdout)
    [one] = said["fits"]
    assert one["file"] == "recipes/sft_qwen3vl_lora.yaml" and one["phases"]["training"]["weights"] > 8 * GB
    assert json.loads(doctor("--recipe", "recipes/sft_qwen3vl_lora.yaml", "--json").stdout)["fits"] == []


def test_a_model_without_a_known_shape_is_said_and_another_can_be_named(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text((RECIPES / "sft_qwen3vl_lora.yaml").read_text().replace(VL, "who/knows"))
    unknown = doctor("--recipe", recipe, "--memory", 24)
    assert "FT002" in unknown.stdout and "--model" in unknown.stdout
    assert "fits (predicted)" in doctor("--recipe", recipe, "--memory", 24, "--model", "Qwen3-4B").stdout
    lonely = CliRunner().invoke(app, ["doctor", "--gpus", "4"])
    assert lonely.exit_code == 1 and "--memory" in str(lonely.output) + str(lonely.exception)


ODD = [
    ({"stage": "dpo"}, "stage: dpo"),
    ({"quantization_bit": 4}, "quantization_bit"),
    ({"deepspeed": "no.json"}, "no.json"),
    ({"cutoff_len": -3}, "cutoff_len"),
    ({"model_name_or_path": ["a"]}, "no known shape"),
    ({"lora_rank": "x"}, ""),
    ({"dataset": {"a": 1}}, ""),
    ({"per_device_train_batch_size": 1e300}, ""),
]


@pytest.mark.parametrize(("values", "said"), ODD)
def test_whatever_stands_in_a_recipe_ends_with_a_message(tmp_path, values, said):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(yaml.safe_dump(read_yaml(RECIPES / "sft_qwen3vl_lora.yaml") | values))
    done = doctor("--recipe", recipe, "--memory", 24)
    assert said in done.stdout and ("FT00" in done.stdout or "(predicted)" in done.stdout)


def test_the_largest_row_of_the_data_counts_before_the_limit(tmp_path):
    rows = [{"messages": [{"role": "user", "content": "why ? " * many}, {"role": "assistant", "content": "so " * 30}],
             "images": [], "videos": []} for many in (10, 400, 20)]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    entry = json.loads((ROOT / "dataset_info.json").read_text())["toy_choice"] | {
        "file_name": str(tmp_path / "rows.json")
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps({"toy_choice": entry}))
    overrides = (f"dataset_dir={tmp_path}", f"media_dir={tmp_path}")
    found = fit(RECIPES / "sft_qwen3vl_lora.yaml", Asked(Machine(1, 24 * GB), Said(), None, overrides))
    assert found and found.need.rows == "1 x 846 tokens, 38 of them answers (the largest of the first rows)"


@VERL
def test_the_page_is_what_the_command_prints():
    written = (ROOT / "docs/hardware.md").read_text()
    assert written == "\n".join(page.page(Path("recipes"))) + "\n", "python -m firsthand.doctor.fit > docs/hardware.md"


@VERL
def test_every_recipe_fits_the_machine_of_its_header():
    said = [path for path in sorted(RECIPES.rglob("*.yaml")) if "\n# Hardware: " in path.read_text()]
    names = [path for path in said if detect(read_yaml(path)) in TRAINED]
    assert len(names) > 28
    for path in names:
        name = str(path.relative_to(RECIPES).with_suffix(""))
        found = fit(path, Asked(page.named(path), page.ROWS.get(name, Said(unseen=True))))
        assert found and found.fits, f"{name}: {found and found.need.worst}"
        if beside := re.search(r"# Beside them: (\d+) CPU cores and (\d+) GB of RAM", path.read_text()):
            assert int(beside[1]) == found.need.cpus, name
            assert int(beside[2]) * GB >= sum(found.need.host.values()), name


@cache
def _read_once(path):
    """What a recipe needs is the same on any machine, and a veRL recipe takes a second to compose."""
    return read(path, Asked(Machine(1, GB), Said()))


@VERL
@pytest.mark.parametrize("machine", page.MACHINES, ids=str)
def test_every_recipe_has_an_answer_on_every_machine(machine, monkeypatch):
    """A verdict with parts where something is trained; where it does not fit, what would, or why nothing does."""
    monkeypatch.setattr("firsthand.doctor.fit.fit.read", lambda path, asked: _read_once(path))
    files, asked = recipes.expand(["recipes"]), Asked(machine, Said())
    found = reckon([(path, True) for path, _ in files], asked)
    overlays = {str(path) for path, _ in files if path.parent.name == "shared"}
    trained = {str(path) for path, _ in files if detect(read_yaml(path)) in TRAINED} - overlays
    told = {one.recipe: one for one in found.recipes}
    [unknown] = [one for one in found.findings if one.rule == "FT002"]
    assert unknown.file == "recipes/toy/base.yaml", "its model is made by the command that its header names"
    assert told.keys() == trained - {unknown.file}
    assert {*found.others} == {str(path) for path, _ in files} - trained
    wrong = {one.file: one for one in found.findings if one.rule == "FT001"}
    assert wrong.keys() == {name for name, one in told.items() if not one.fits}
    for name, one in told.items():
        assert one.need.worst.total > 0 and sum(one.need.host.values()) > 0 and one.need.cpus > 0, name
        assert one.fits or wrong[name].fix.startswith(("`", "more or larger GPUs")), name
        assert not one.ways or all(need.fits(machine) for _, need in one.ways), name


@VERL
@pytest.mark.parametrize(("preset", "memory", "largest"), [("one_gpu_24", 24, 5e9), ("one_gpu_80", 80, 1e10)])
def test_a_preset_makes_every_grpo_recipe_fit_on_its_gpu(preset, memory, largest):
    """But for models whose weights alone, in the engine, leave a rollout no room."""
    paths = [RECIPES / f"{name}.yaml" for name in page._full_size(RECIPES) if "grpo" in name and "lora" not in name]
    paths = [path for path in paths if detect(read_yaml(path)) == "verl"]
    assert len(paths) > 10
    overrides = ("hydra.searchpath=[file://recipes,file://recipes/shared]", f"+shared@_global_={preset}")
    for path in paths:
        asked = Asked(Machine(1, memory * GB), Said(unseen=True), None, overrides)
        given = read(path, asked)
        fits = judge(path, given, asked).fits
        assert fits is (given.shape.parameters <= largest), path


@VERL
def test_every_tiny_twin_is_reckoned_before_anything_was_made():
    """Its model is the export of a recipe beside it or above it, of a tiny model that is there."""
    twins = [one for one in RECIPES.rglob("tiny_*.yaml") if detect(read_yaml(one)) in TRAINED]
    assert len(twins) > 20
    for twin in twins:
        found = fit(twin, Asked(Machine(1, 24 * GB), Said()))
        assert found and found.fits, twin

"""What the doctor reads from sources is what the frameworks themselves hold."""

import ast
import pickle
import re
from pathlib import Path

import pytest

from firsthand.doctor.llamafactory import keys
from firsthand.doctor.verl import files, settings
from firsthand.doctor.verl import keys as verl_keys
from firsthand.files import read_yaml
from firsthand.recipe import (
    dataset_registry,
    hydra_chain,
    hydra_search,
    llamafactory_facts,
    python_source,
    verl_facts,
    yaml_lines,
)
from firsthand.recipe.kind import detect

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    python_source.package_folder("verl") is None or python_source.package_folder("llamafactory") is None,
    reason="needs LLaMA-Factory and veRL",
)


def paths(tree: dict, prefix: str = "") -> set[str]:
    inner = [paths(value, f"{prefix}{key}.") for key, value in tree.items() if isinstance(value, dict)]
    return {f"{prefix}{key}" for key in tree}.union(*inner)


def test_the_default_config_is_the_one_that_hydra_composes():
    from omegaconf import OmegaConf

    composed = OmegaConf.to_container(pickle.loads(hydra_chain._base("ppo_trainer", ())))
    assert paths(verl_facts.defaults()) == paths(composed) - {"model_engine"}  # a choice in `defaults`, not a key


def test_renamed_keys_are_gone_and_their_new_names_exist():
    """The old names are in no config (or parsed and not read); each new name is one of today's."""
    theirs, ours = paths(verl_facts.defaults()), llamafactory_facts.fields(llamafactory_facts.TRAIN)
    parsed = ("custom_reward_function", "reward_model", "sandbox_fusion")
    wrong = [old for old in verl_keys.RENAMED if old in theirs and not old.startswith(parsed)]
    wrong += [old for old in keys.RENAMED if old in ours]
    for old, text in verl_keys.RENAMED.items():
        new = text.split(" (")[0].split(" with ")[0]
        wrong += [old] * (new not in theirs and not new.startswith(("nothing:", "a tool in ")))
    for old, text in keys.RENAMED.items():
        wrong += [old] * (re.match(r"\w+", text)[0] not in {*ours, "nothing"})
    assert wrong == []


def test_no_code_of_verl_freezes_a_vision_tower():
    """A failure is good news: drop VR055, and what the recipes say of the tower."""
    verl = python_source.package_folder("verl")
    read = [str(file) for file in verl.rglob("*.py") if "freeze_vision_tower" in file.read_text()]
    assert [Path(file).relative_to(verl).as_posix() for file in read] == ["workers/config/actor.py"]


def test_the_columns_and_tags_are_those_of_llamafactory():
    tree = python_source.parse(python_source.package_folder("llamafactory") / "data" / "parser.py")
    [attributes] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "DatasetAttr"]
    theirs = {
        s.target.id: s.value.value for s in attributes.body if isinstance(s, ast.AnnAssign) and s.value is not None
    }
    ours = {**dataset_registry.COLUMNS, **dataset_registry.TAGS}
    assert {key: theirs[key] for key in ours} == ours
    named = {s.target.id for s in attributes.body if isinstance(s, ast.AnnAssign)}
    assert named - set(ours) - {"load_from", "dataset_name"} == set(dataset_registry.ENTRY) - set(
        dataset_registry.SOURCES
    ) - {
        "columns",
        "tags",
    }


def test_templates_of_models():
    templates = llamafactory_facts.templates()
    assert templates["qwen3_vl"].reasoning and not templates["qwen3_vl_nothink"].reasoning
    assert templates["qwen3_vl"].plugin == templates["qwen3_vl_nothink"].plugin == "qwen3_vl"
    assert llamafactory_facts.model_templates()["qwen3-vl-4b-instruct"] == "qwen3_vl_nothink"


def test_agent_loops_and_cpu_settings_exist():
    assert {"single_turn_agent", "tool_agent"} <= files.builtin_loops()
    assert set(settings.ON_CPU) <= paths(verl_facts.defaults())


@pytest.mark.e2e
def test_argument_names_are_those_of_the_real_parser():
    import dataclasses

    from llamafactory.hparams import parser

    for ours, theirs in (
        (llamafactory_facts.TRAIN, parser._TRAIN_ARGS),
        (llamafactory_facts.INFER, parser._INFER_ARGS),
    ):
        real = {field.name for cls in theirs for field in dataclasses.fields(cls) if field.init}
        assert set(llamafactory_facts.fields(ours)) == real


@pytest.mark.e2e
def test_llamafactory_passes_an_interpolation_on_literally(tmp_path, monkeypatch):
    from llamafactory.hparams import parser

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: ${oc.env:HOME}/runs\n")
    monkeypatch.setattr("sys.argv", ["llamafactory-cli", str(recipe)])
    assert parser.read_args() == {"output_dir": "${oc.env:HOME}/runs"}


@pytest.mark.e2e
def test_verl_ignores_the_reward_function_of_a_legacy_key(tmp_path):
    from omegaconf import OmegaConf
    from verl.trainer.ppo.reward import get_custom_reward_fn

    legacy = OmegaConf.create({"custom_reward_function": {"path": str(tmp_path / "never_read.py"), "name": "f"}})
    assert get_custom_reward_fn(OmegaConf.merge(pickle.loads(hydra_chain._base("ppo_trainer", ())), legacy)) is None


def assert_merged_as_by_hydra(recipe):
    from omegaconf import OmegaConf

    document, _ = yaml_lines.load(recipe)
    theirs = OmegaConf.to_container(hydra_search.compose(recipe), resolve=True)
    assert hydra_chain.follow(document).values == theirs, recipe


@pytest.mark.e2e
def test_a_recipe_is_merged_as_hydra_merges_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    written = [path for path in Path("recipes").rglob("*.yaml") if path.parent.name != "shared"]
    recipes = [path for path in written if detect(read_yaml(path)) == "verl"]
    assert len(recipes) >= 9
    for recipe in recipes:
        assert_merged_as_by_hydra(recipe)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("overlay", "defaults"),
    [
        ("# @package _global_\ntrainer: {nnodes: 2}\n", "[ppo_trainer, extra, _self_]"),
        (
            "# @package trainer.v1\ntrainer_mode: sync\nsampler: {sampler_kwargs: {a: 1}}\n",
            "[ppo_trainer, extra, _self_]",
        ),
        ("nnodes: 3\n", "[ppo_trainer, extra@trainer, _self_]"),
        ("a: &a {nnodes: 2}\ntrainer: {<<: *a, save_freq: 1e2}\n", "[ppo_trainer, extra, _self_]"),
        ("trainer: {nnodes: 2}\n", "[ppo_trainer, extra, {override model_engine: dp}, _self_]"),
    ],
)
def test_packages_and_groups_are_merged_as_hydra_merges_them(tmp_path, overlay, defaults):
    (tmp_path / "extra.yaml").write_text(overlay)
    (tmp_path / "recipe.yaml").write_text(f"defaults: {defaults}\nactor_rollout_ref: {{rollout: {{name: vllm}}}}\n")
    assert_merged_as_by_hydra(tmp_path / "recipe.yaml")


@pytest.mark.e2e
@pytest.mark.parametrize("entry", ["file://shared", "shared", "pkg://verl.trainer"])
def test_the_search_path_is_followed_as_hydra_follows_it(tmp_path, monkeypatch, entry):
    """A folder is relative to the working directory; a file beside the recipe wins over one of the same name there."""
    monkeypatch.chdir(tmp_path)
    recipe = "defaults: [ppo_trainer, extra, beside, _self_]\nhydra: {searchpath: [file://shared]}\n"
    for name, content in {
        "there/recipe.yaml": recipe.replace("file://shared]", f"{entry}, file://shared]"),
        "there/beside.yaml": "trainer: {nnodes: 3}\n",
        "shared/beside.yaml": "trainer: {nnodes: 4}\n",
        "shared/extra.yaml": "defaults: [inner, _self_]\ntrainer: {save_freq: 5}\n",
        "shared/inner.yaml": "trainer: {test_freq: 6, save_freq: 7}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert_merged_as_by_hydra(Path("there/recipe.yaml"))
    document, _ = yaml_lines.load(Path("there/recipe.yaml"))
    chain = hydra_chain.follow(document)
    assert [chain.get(f"trainer.{key}") for key in ("nnodes", "save_freq", "test_freq")] == [3, 5, 6]
    assert chain.place("trainer.save_freq").file == "shared/extra.yaml" and chain.findings == []

"""Any bytes, any YAML and any value in place of the expected one end as findings, never as an exception."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand.doctor import recipes

ODD_FILES = {
    "missing": None,
    "empty": b"",
    "binary": bytes(range(256)),
    "not utf-8": b"a: \xff\nb: 1\n",
    "tab": b"a:\n\tb: 1\n",
    "control character": b"a: 1\nb: \x07\n",
    "cyclic alias": b"stage: &a [*a]\n",
    "cyclic merge": b"stage: &a {<<: *a}\n",
    "python object": b"stage: !!python/object/apply:os.system [ls]\n",
    "unknown tag": b"stage: !secret x\n",
    "two documents": b"stage: sft\n---\nstage: pt\n",
    "unquoted placeholder": b"stage: {{stage}}\n",
    "deep": b"stage: " + b"[" * 2000,
    "huge": b"stage: sft\n" + b"#" * (1 << 20),
    "laughs": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 9)) for i in b"bcdefgh"),
    "merging laughs": b"a: &a {x: 1}\n"
    + b"".join(b"%c: &%c {<<: [%s]}\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 9)) for i in b"bcdefgh"),
    "long number": b"stage: " + b"9" * 5000,
    "bad bool": b"stage: !!bool x\n",
    "list": b"- a\n- b\n",
    "number": b"3\n",
}
EXPECTED = {
    "missing": "RC001",
    "binary": "RC001",
    "not utf-8": "RC001",
    "huge": "RC001",
    "tab": "RC002",
    "two documents": "RC002",
    "cyclic alias": "RC004",
    "laughs": "RC004",
    "merging laughs": "RC004",
    "python object": "RC004",
    "list": "RC005",
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_is_one_finding(workshop, name):
    path = workshop / "recipe.yaml"
    if ODD_FILES[name] is not None:
        path.write_bytes(ODD_FILES[name])
    checked = recipes.check(path)
    assert [f.level for f in checked.findings] == ["error"]
    assert checked.findings[0].rule == EXPECTED.get(name, checked.findings[0].rule) != "RC099"
    assert checked.findings[0].fix and checked.findings[0].message


def test_a_folder_without_recipes_is_a_finding(workshop):
    [(path, named)] = recipes.expand(["media"])
    assert [finding.rule for finding in recipes.check(path, named).findings] == ["RC001"]


def test_a_folder_stands_for_its_recipes_and_names_none_of_them(workshop):
    (workshop / "a.yaml").write_text("curious: 1\n")
    [(path, named)] = recipes.expand([".", "."])
    assert (path.name, named) == ("a.yaml", False)
    assert [finding.level for finding in recipes.check(path, named).findings] == ["info"]


def no_fault_of_ours(path: Path) -> None:
    assert "RC099" not in [finding.rule for finding in recipes.check(path).findings]


@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!<>|#'\"\t\n ,$.+~1", max_size=60).map(str.encode)
    )
)
def test_arbitrary_bytes(workshop, content):
    (workshop / "recipe.yaml").write_bytes(content)
    no_fault_of_ours(workshop / "recipe.yaml")


KEYS = st.sampled_from(
    [
        "model_name_or_path",
        "template",
        "stage",
        "dataset",
        "eval_dataset",
        "dataset_dir",
        "media_dir",
        "cutoff_len",
        "image_max_pixels",
        "val_size",
        "use_cpu",
        "flash_attn",
        "lora_target",
        "mask_history",
        "adapter_name_or_path",
        "export_dir",
        "finetuning_type",
        "deepspeed",
        "report_to",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "choice",
            "Qwen/Qwen3-VL-4B-Instruct",
            "qwen3_vl",
            "rows.json",
            ".",
            "${",
            "${a.b}",
            "~x/y",
            "\x00",
            "x" * 5000,
        ]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@given(recipe=st.dictionaries(KEYS, VALUES, min_size=1, max_size=8))
def test_any_value_in_a_llamafactory_recipe(workshop, recipe):
    (workshop / "recipe.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True))
    no_fault_of_ours(workshop / "recipe.yaml")


PATHS = st.sampled_from(
    [
        "data",
        "data.train_files",
        "data.train_batch_size",
        "data.max_prompt_length",
        "data.image_key",
        "actor_rollout_ref",
        "actor_rollout_ref.model.path",
        "actor_rollout_ref.rollout.n",
        "actor_rollout_ref.rollout.multi_turn.tool_config_path",
        "actor_rollout_ref.rollout.agent.agent_loop_config_path",
        "actor_rollout_ref.rollout.agent.default_agent_loop",
        "reward.custom_reward_function.path",
        "reward.custom_reward_function.name",
        "trainer.logger",
        "trainer.n_gpus_per_node",
        "trainer.device",
        "custom_reward_function",
        "reward_model",
        "hydra",
        "algorithm.adv_estimator",
    ]
)


@settings(max_examples=settings.default.max_examples // 5)
@given(
    defaults=st.one_of(st.just(["ppo_trainer", "_self_"]), VALUES, st.lists(VALUES, max_size=3)),
    changes=st.dictionaries(PATHS, VALUES, max_size=4),
)
def test_any_value_in_a_verl_recipe(workshop, defaults, changes):
    recipe: dict = {"defaults": defaults}
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        node = recipe
        for parent in parents:
            node = node.setdefault(parent, {}) if isinstance(node.setdefault(parent, {}), dict) else {}
        node[leaf] = value
    (workshop / "recipe.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True))
    no_fault_of_ours(workshop / "recipe.yaml")


CONTENT = st.one_of(st.binary(max_size=80), VALUES.map(lambda value: yaml.safe_dump(value).encode()))


def named_files_hold(folder: Path, content: bytes) -> None:
    for name in ("rows.json", "dataset_info.json", "reward.py", "tools.yaml", "rows.parquet"):
        (folder / name).write_bytes(content)


@given(content=CONTENT)
def test_any_content_in_the_files_that_a_llamafactory_recipe_names(lint, workshop, content):
    named_files_hold(workshop, content)
    assert "RC099" not in [finding.rule for finding in lint("lf")]


@settings(max_examples=settings.default.max_examples // 5)
@given(content=CONTENT)
def test_any_content_in_the_files_that_a_verl_recipe_names(lint, workshop, content):
    named_files_hold(workshop, content)
    files = "    n: 4\n    multi_turn: {tool_config_path: tools.yaml}\n    agent: {agent_loop_config_path: tools.yaml}"
    assert "RC099" not in [finding.rule for finding in lint("verl", "    n: 4", files)]

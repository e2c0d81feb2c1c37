"""Agents with tools: a finding, with its line and its fix, for each mistake in the recipe, the loops and the rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.doctor import recipes
from firsthand.doctor.verl import agent_loops
from firsthand.files import read_yaml
from firsthand.question import Question
from firsthand.recipe.kind import detect
from firsthand.rollout import prompt

from .conftest import LOOPED

ROOT = Path(__file__).parents[2]
LOOPS = """\
- name: ego_r1
  _target_: firsthand.training.agent_loop.ToolLoop
  toolbox: tools.yaml
  dialect: ego_r1
  turns: 3
  turn_tokens: 100
  budget: {tokens: 68, images: 0}
- name: ego_r1_native
  _target_: firsthand.training.agent_loop.ToolLoop
  toolbox: tools.yaml
  dialect: native
  turns: 3
  turn_tokens: 100
  budget: {tokens: 68, images: 0}
"""
RECIPE = (
    LOOPED.replace("Qwen3-VL-4B-Instruct", "Qwen2.5-3B-Instruct")
    .replace(", norm_adv_by_std_in_grpo: false", "")
    .replace("val_files: rows", "val_files: dev")
    .replace("{group_rewards: {temporal: {bonus: 0.3}}}", "{traces: runs/x/traces}")
)


def row(index: int, style: str = "ego_r1", split: str = "train", **facts) -> dict:
    question = Question(
        id=f"q{index}", question="where ?", options={"A": "here", "B": "there"}, answer="A", style=style,
        data_source="toy", split=split, identity="A1_JAKE", query_time="DAY1_11000000",
    )  # fmt: skip
    made = prompt.verl_row(question, index)
    return {**made, "extra_info": made["extra_info"] | facts}


def write(path: Path, rows: list[dict]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def look(workshop):
    """Findings as (rule, file, line) with their fixes, of good files in which one line is another."""
    write(workshop / "rows.parquet", [row(0), row(1)])
    write(workshop / "dev.parquet", [row(2, split="dev")])
    (workshop / "tools.yaml").write_text("memory: {store: memory.sqlite}\ntools: {rag: {}}\n")

    def run(old: str = "", new: str = "", loops: tuple[str, str] = ("", "")) -> dict[tuple, str]:
        assert old in RECIPE and loops[0] in LOOPS
        (workshop / "recipe.yaml").write_text(RECIPE.replace(old, new, 1))
        (workshop / "loops.yaml").write_text(LOOPS.replace(*loops, 1))
        return {(f.rule, f.file, f.line): f.fix for f in recipes.check(Path("recipe.yaml")).findings}

    return run


def test_a_recipe_without_a_fault(look):
    assert look() == {}


@pytest.mark.parametrize(("old", "new", "line", "fix"), [
    ("  dialect: ego_r1", "  dialect: hermes", 4, "native"),
    ("  turns: 3", "  turn: 3", 5, "`turns`"),
    ("  turns: 3", "  turns: 0", 5, "above 0"),
    ("{tokens: 68, images: 0}", "{token: 68}", 7, "`tokens`"),
    ("{tokens: 68, images: 0}", "many", 7, "tokens: 512"),
    ("  toolbox: tools.yaml\n", "", 1, "recipes/toy/tools.yaml"),
])  # fmt: skip
def test_settings_of_a_loop(look, old, new, line, fix):
    found = look(loops=(old, new))
    assert {key for key in found if key[0] == "VR035"} == {("VR035", "loops.yaml", line)}
    assert fix in found["VR035", "loops.yaml", line]


def test_tools_that_are_not_there(look):
    assert ("RC007", "loops.yaml", 3) in look(loops=("tools.yaml", "lost.yaml"))


def test_tools_that_their_reader_refuses(look, workshop):
    (workshop / "tools.yaml").write_text("tools: {rug: {}}\n")
    assert "TL001" in {rule for rule, _, _ in look()}


def test_steps_that_the_rows_do_not_give(look, workshop):
    write(workshop / "rows.parquet", [row(index) for index in range(25)])  # three batches of 8
    steps = "trainer:\n  total_epochs: 2\n  total_training_steps: {}\n"
    assert look("trainer:\n", steps.format(6)) == {}
    assert look("trainer:\n", steps.format(7)) == {
        ("VR045", "recipe.yaml", 22): "write `total_training_steps: 6`, or more `total_epochs`"
    }
    assert look("trainer:\n", "trainer:\n  total_training_steps: null\n  total_epochs: 1\n") == {}


def test_turns_that_do_not_fit(look, workshop):
    assert look("max_response_length: 500", "max_response_length: 499") == {
        ("VR036", "recipe.yaml", 7): "write `max_response_length: 500`, or less `turns`, `turn_tokens` or `budget` in "
        "the loop"
    }
    assert ("VR036", "recipe.yaml", 7) in look(loops=("tokens: 68", "tokens: 69"))


def test_pictures_of_tools_count_where_the_model_sees(look, workshop):
    (workshop / "tools.yaml").write_text("video: media\ntools: {frames: {}}\n")
    pictures = ("images: 0", "images: 2, pixels: 65536")  # 2 x 64 tokens, twice
    assert look(loops=pictures) == {}
    seeing = look("Qwen/Qwen2.5-3B-Instruct", "Qwen/Qwen3-VL-4B-Instruct", loops=pictures)
    assert "max_response_length: 756" in seeing["VR036", "recipe.yaml", 7]


@pytest.mark.parametrize(("changed", "rule", "fix"), [
    (row(1, identity=None), "VR037", "add it"),
    (row(1, query_time=None), "VR037", "`end`"),
    ({**row(1), "agent_name": "ego_r2"}, "VR024", "`ego_r1`"),
    ({**row(1), "agent_name": "ego_r1_native"}, "VR038", "style ego_r1_native"),
    ({**row(1, style="ego_r1_native"), "agent_name": "ego_r1"}, "VR038", "style ego_r1"),
    (row(0), "VR042", "number the rows"),
])  # fmt: skip
def test_rows_that_do_not_fit(look, workshop, changed, rule, fix):
    write(workshop / "rows.parquet", [row(0), changed])
    found = look()
    assert list(found) == [(rule, "recipe.yaml", 3)] and fix in found[rule, "recipe.yaml", 3]


def test_the_whole_video_may_be_asked_about(look, workshop):
    write(workshop / "rows.parquet", [row(0, query_time="end", identity=None, vid_id="v1")])
    assert look() == {}


def test_the_benchmark_does_not_choose_the_checkpoint(look, workshop):
    write(workshop / "dev.parquet", [row(2, split="test")])
    assert list(look()) == [("VR043", "recipe.yaml", 4)]


def test_a_reward_of_traces_needs_agents(look, workshop):
    plain = (workshop / "reward.py").read_text()
    whole = [("VR039", "recipe.yaml", 19)]
    reads = {'extra_info["trace"]': whole, "sample.trace": whole, 'extra_info.get("trace")': [], "'trace'": []}
    for what in reads:
        (workshop / "reward.py").write_text(f"{plain}\n\ndef part(sample, extra_info):\n    return {what}\n")
        assert look() == {}, what
    for name in ("rows", "dev"):
        write(workshop / f"{name}.parquet", [{**row(0), "agent_name": "single_turn_agent"}])
    for what, found in reads.items():
        (workshop / "reward.py").write_text(f"{plain}\n\ndef part(sample, extra_info):\n    return {what}\n")
        assert list(look()) == found, what
    assert agent_loops.reads_trace(str(ROOT / "reward_fns/ego_r1.py"))
    assert not agent_loops.reads_trace(str(ROOT / "reward_fns/choice.py"))


@pytest.mark.parametrize(("old", "new", "rule", "line"), [
    ("{path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}", "null", "VR040", 26),
    ("{traces: runs/x/traces}", "{trace: runs/x/traces}", "VR041", 27),
])  # fmt: skip
def test_the_sampler(look, old, new, rule, line):
    assert (rule, "recipe.yaml", line) in look(old, new)


MODEL = "Qwen/Qwen2.5-3B-Instruct"


@pytest.mark.parametrize(("model", "style", "words"), [
    ("Qwen/Qwen3-4B", "ego_r1", "Qwen3-4B-Instruct-2507"),
    ("Qwen/Qwen3-4B", "ego_r1_native", "Qwen3-4B-Instruct-2507"),
    ("Qwen/Qwen2.5-VL-7B-Instruct", "ego_r1_native", "dialect ego_r1"),
    ("Qwen/Qwen2.5-VL-7B-Instruct", "ego_r1", None),
    ("Qwen/Qwen3-VL-4B-Instruct", "ego_r1_native", None),
])  # fmt: skip
def test_the_chat_template_suits_an_agent(look, workshop, model, style, words):
    write(workshop / "rows.parquet", [row(0, style), row(1, style)])
    write(workshop / "dev.parquet", [row(2, style, split="dev")])
    found = {key: fix for key, fix in look(MODEL, model).items() if key[0] == "VR046"}
    assert [words in fix for fix in found.values()] == ([] if words is None else [True])


def test_a_chat_template_of_the_recipe_is_tried_out(look):
    keeps = "{% for m in messages %}{{ m.content }}{% endfor %}{{ tools }}"
    own = f"{{path: Qwen/Qwen3-4B, custom_chat_template: '{keeps}'}}"
    assert not [key for key in look(f"{{path: {MODEL}}}", own) if key[0] == "VR046"]


def test_before_its_rows_are_built_a_recipe_is_warned(look, workshop):
    look(MODEL, "Qwen/Qwen2.5-VL-7B-Instruct")
    for name in ("rows.parquet", "dev.parquet"):
        (workshop / name).unlink()
    levels = [f.level for f in recipes.check(Path("recipe.yaml")).findings if f.rule == "VR046"]
    assert levels == ["warning"]


def test_the_loops_of_the_recipes(monkeypatch):
    monkeypatch.chdir(ROOT)
    loops = [path for path in Path("recipes").rglob("*.yaml") if detect(read_yaml(path)) == "verl agent loops"]
    assert len(loops) >= 5
    for path in loops:
        assert recipes.check(path).findings == (), path

"""What a veRL recipe names: rows, reward functions, agent loops and tools; nothing of it is run."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.doctor import recipes

PROMPT = [{"role": "user", "content": "<image> Where?"}]
ROW = {"prompt": PROMPT, "images": ["media/a.png"], "data_source": "toy", "reward_model": {"ground_truth": "A"}}


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ({**ROW, "data_source": None}, "every row"),
        ({**ROW, "reward_model": {"ground_truth": None}}, "every row"),
        ({**ROW, "images": []}, "one <image> or <video> in the text for each"),
        ({**ROW, "prompt": [{"role": "user", "content": "Where?"}]}, "one <image> or <video> in the text for each"),
        ({**ROW, "prompt": [{"role": "user", "content": "<image><|im_end|>"}]}, "would end the turn"),
    ],
)
def test_rows_that_verl_cannot_use(lint, workshop, row, fix):
    pq.write_table(pa.Table.from_pylist([ROW, row]), workshop / "rows.parquet")
    findings = lint("verl", "val_files: rows.parquet", "val_files: []")
    assert [(finding.rule, finding.line) for finding in findings] == [("VR028", 3)]
    assert "row 2" in findings[0].message and fix in findings[0].fix


def test_rows_that_cannot_be_read_are_said_to_be_unseen(lint, workshop):
    (workshop / "rows.parquet").write_bytes(b"PAR1")
    assert {finding.rule for finding in lint("verl")} == {"VR033"}


@pytest.mark.parametrize(
    "code", ["def compute_score(answer): return 0", "async def compute_score(*, data_source): ..."]
)
def test_a_reward_function_that_cannot_be_called(lint, workshop, code):
    (workshop / "reward.py").write_text(f"import os\n{code}\n")
    [finding] = lint("verl")
    assert (finding.rule, finding.file, finding.line) == ("VR031", "reward.py", 2)
    assert "solution_str" in finding.message and "**kwargs" in finding.fix


@pytest.mark.parametrize(
    "code",
    [
        "def compute_score(**everything): ...",
        "from somewhere import compute_score",
        "from somewhere import *",
        "try:\n    compute_score = None\nexcept ImportError:\n    pass",
        "if True:\n    class compute_score: ...",
    ],
)
def test_a_reward_function_may_be_defined_in_many_ways(lint, workshop, code):
    (workshop / "reward.py").write_text(code + "\n")
    assert {finding.rule for finding in lint("verl")} == {"VR060"}, "found; that it does not pay is another thing"


def test_a_reward_file_that_is_no_python(lint, workshop):
    (workshop / "reward.py").write_text("x = 1\ndef compute_score(:\n")
    assert [(finding.rule, finding.file, finding.line) for finding in lint("verl")] == [("VR012", "reward.py", 2)]


def test_a_file_that_ends_the_process_does_not_end_the_doctor(lint, workshop):
    (workshop / "reward.py").write_text("raise SystemExit\ndef compute_score(**everything): ...\n")
    [finding] = lint("verl")
    assert finding.rule == "VR060" and "cannot be loaded (SystemExit" in finding.message


def test_without_its_rows_the_file_is_not_run(lint, workshop):
    (workshop / "reward.py").write_text("raise SystemExit\ndef compute_score(**everything): ...\n")
    (workshop / "rows.parquet").unlink()
    assert {finding.rule for finding in lint("verl")} == {"RC007"}


@pytest.mark.parametrize(
    ("module", "found"), [("firsthand.errors", []), ("firsthand.nothing", ["RC007"]), ("json", ["VR012"])]
)
def test_a_package_in_place_of_a_file(lint, module, found):
    findings = lint("verl", "path: reward.py\n    name: compute_score", f"path: pkg://{module}\n    name: UserError")
    assert [finding.rule for finding in findings if finding.rule not in ("VR031", "VR060")] == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("loops.Loop", []),
        ("loops.Lop", ["VR012"]),
        ("verl.experimental.agent_loop.tool_agent_loop.ToolAgentLoop", []),
        ("verl.nowhere.Loop", ["VR012"]),
        ("not_installed.Loop", ["VR012"]),
        ("Loop", ["VR012"]),
    ],
)
def test_agent_loops(lint, workshop, target, found):
    (workshop / "loops.py").write_text("class Loop: ...\n")
    (workshop / "loops.yaml").write_text(f"- name: mine\n  _target_: {target}\n")
    agent = "    n: 4\n    agent: {default_agent_loop: mine, agent_loop_config_path: loops.yaml}"
    findings = lint("verl", "    n: 4", agent)
    assert [(f.rule, f.file, f.line) for f in findings if f.rule != "VR018"] == [(r, "loops.yaml", 2) for r in found]
    assert [f.rule for f in recipes.check(Path("loops.yaml")).findings] == found


def test_an_overlay_is_checked_for_its_keys_only(workshop):
    (workshop / "overlay.yaml").write_text("trainer:\n  device: cpu\n  devise: cpu\n")
    assert [(f.rule, f.line) for f in recipes.check(Path("overlay.yaml")).findings] == [("VR001", 3)]


def test_hydra_reads_yaml_only(workshop, lint):
    lint("verl")
    (workshop / "recipe.yaml").rename("recipe.yml")
    assert [(f.rule, f.fix) for f in recipes.check(Path("recipe.yml")).findings] == [
        ("VR005", "rename it to recipe.yaml")
    ]


@pytest.mark.parametrize("text", ["curious: 1\n", "- 1\n", "word\n", "tools: [1]\n"])
def test_a_file_that_is_no_recipe(workshop, text):
    (workshop / "recipe.yaml").write_text(text)
    assert [finding.rule for finding in recipes.check(Path("recipe.yaml")).findings] == ["RC005"]


def test_a_key_that_the_recipes_own_dataset_class_reads(lint, workshop):
    (workshop / "dataset.py").write_text("class Mine:\n    def f(self):\n        return self.config.media\n")
    own = "  val_files: []\n  custom_cls: {path: dataset.py, name: Mine}\n  media: {root: media}\n  medium: 1  # <-"
    pq.write_table(pa.Table.from_pylist([{**ROW, "images": ["a.png"]}]), workshop / "rows.parquet")
    findings = lint("verl", "  val_files: rows.parquet", own)
    assert [(finding.rule, finding.key) for finding in findings] == [("VR001", "data.medium")]


def test_media_that_are_missing(lint, workshop):
    video = {"video": ["media/f0.png", "media/lost.png"], "fps": 1.0}
    row = {**ROW, "prompt": [{"role": "user", "content": "<image><video>"}], "videos": [video]}
    pq.write_table(pa.Table.from_pylist([row]), workshop / "rows.parquet")
    [finding] = lint("verl", "val_files: rows.parquet", "val_files: []")
    assert (finding.rule, finding.line) == ("VR034", 3) and "media/lost.png" in finding.message

"""What the visual demo reports, wherever its run lies."""

import json
from pathlib import Path

import pytest
import yaml

from firsthand import files
from firsthand.demo import choice_report

RECIPE = choice_report.GRPO.resolve()
TEXT = "<think>the right hand has a cup</think> <answer>{}</answer>"
FRAME = "frames/a.jpg"
ASKED = [{"role": "user", "content": [{"type": "image", "image": FRAME}, {"type": "text", "text": "which ?"}]}]


def write(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question, answered wrongly before GRPO, and one rollout."""
    monkeypatch.setattr(choice_report, "GRPO", RECIPE)
    row = {"id": "a", "question": "which ?", "options": {"A": "cup", "B": "key"}, "answer": "A", "letters": "AB"}
    files.write_jsonl(choice_report.TEST, [row | {"label": "scene", "messages": ASKED}])
    (choice_report.WEEK / "frames").mkdir()
    (choice_report.WEEK / FRAME).touch()
    for model in (*choice_report.MODELS, choice_report.DIRECT):
        letter = "A" if model == "grpo" else "B"
        answer = {"id": "a", "letter": letter, "output": TEXT.format(letter), "completion_tokens": 9}
        if model == choice_report.DIRECT:
            answer |= {"output": "B", "letter": None, "completion_tokens": 1}
        files.write_jsonl(run / f"answers/{model}/answers.jsonl", [answer])
    weights = yaml.safe_load(RECIPE.read_text())["reward"]["custom_reward_function"]["reward_kwargs"]
    score = choice_report.compute_score("toy_choice", TEXT.format("A"), "A", {"letters": "ABCD"}, **weights)["score"]
    files.write_jsonl(run / "grpo/rollouts/1.jsonl", [{"output": TEXT.format("A"), "gts": "A", "score": score}])


@pytest.mark.parametrize("where", ["runs/demo", "../beside", "{outside}/run", "link/run"])
def test_frames_are_found_from_the_folder_of_the_run(tmp_path: Path, monkeypatch, where: str) -> None:
    here, outside = tmp_path / "here", tmp_path / "else/where"
    here.mkdir()
    outside.mkdir(parents=True)
    monkeypatch.chdir(here)
    Path("link").symlink_to(outside)
    run = Path(where.format(outside=outside))
    write(run, monkeypatch)
    content = json.loads(json.dumps(choice_report.content(run)))
    [shown] = content["trajectories"]
    assert not Path(content["media_root"]).is_absolute()
    assert all((run / content["media_root"] / frame).is_file() for frame in shown["frames"]) and shown["frames"]
    assert {row["model"]: row["correct"] for row in content["table"]} == {"base": 0, "sft": 0, "grpo": 1}
    [ways] = content["tables"]
    assert [row[0] for row in ways["rows"]] == ["direct", "thinking, before RL", "thinking, after RL"]
    assert [row[2:] for row in ways["rows"]] == [["1.0", "100.0"], ["9.0", "0.0"], ["9.0", "0.0"]]
    assert [row[1].split()[0] for row in ways["rows"]] == ["0.0", "0.0", "100.0"]

"""Every release that reinforcement learns from: its rows, as `data build` makes them, are paid by the recipe for them.

Rows are made up in each release's form. The support set of EgoCross is the owner's own where FIRSTHAND_REAL_FILES names
the folder with it."""

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import RELEASES, release

from .conftest import GOLDS, release_row

ROOT = Path(__file__).parents[2]
REAL = os.environ.get("FIRSTHAND_REAL_FILES", "")
BY_TYPE = "video_r1/grpo"  # the recipe for rows of any type
CLIP = {"video_id": "clip-1", "moment_start_frame": 300, "moment_end_frame": 345}


def of_video_r1() -> list[dict[str, Any]]:
    pairs = [(kind, gold) for kind, golds in GOLDS.items() for gold in golds]
    return [{"problem_id": number, **release_row(kind, gold)} for number, (kind, gold) in enumerate(pairs)]


def of_open_r1_video() -> list[dict[str, Any]]:
    asked = {"What is held?\nA. a cup\nB. a bowl\nPlease answer with the letter.": "B. a bowl", "What now?": "He sits."}
    return [
        {
            "problem": question.split("Please")[0], "solution": f"<answer>{answer[:2]}</answer>",
            "video": "/d/LLaVA-Video-large-swift/v.mp4", "original_question": question, "original_answer": answer,
        }
        for question, answer in asked.items()
    ]  # fmt: skip


def of_longvitu() -> list[dict[str, Any]]:
    talk = [{"from": "human", "value": "<image>\nWhat is cooked?"}, {"from": "gpt", "value": "A soup of leeks."}]
    return [{"id": "1", "video": "videos/x.mp4", "conversations": talk}]


def of_qaego4d() -> list[dict[str, Any]]:
    return [{"sample_id": "a", "question": "Where was it?", "answer": "on the table", **CLIP}]


def of_week() -> list[dict[str, Any]]:
    choices = {f"choice_{letter}": name for letter, name in zip("abcd", ("Ann", "Bob", "Cleo", "Dan"), strict=True)}
    moment = {"date": "DAY1", "time": "11210217"}
    row = {"type": "EntityLog", "need_audio": False, "need_name": True, "last_time": "N/A", "query_time": moment}
    return [{"ID": "1", "question": "Who has it?", "answer": "C", "target_time": moment, **choices, **row}]


def of_egocross() -> list[dict[str, Any]]:
    def row(domain: str, frames: list[str]) -> dict[str, Any]:
        options = "\n".join(f"{letter}. thing {letter}" for letter in "ABCD")
        asked = {"role": "user", "content": f"{'<image>' * len(frames)}What is held?\n{options}"}
        return {"messages": [asked, {"role": "assistant", "content": "B"}], "images": frames, "domain": domain}

    surgery = [f"frames/CholecTrack20/VID103/frames/dic_q1/frame_{number}.png" for number in (5000, 5025)]
    return [row("surgery", surgery)]


WEEK = ("ego_r1/grpo", "Ego-QA-4.4K/manual-2.9K/A1.json", of_week)
SUPPORT = ("egocross/grpo", "train.json", of_egocross)
KNOWN = {  # release -> recipe, file of the release, its rows
    "video_r1": (BY_TYPE, "Video-R1-260k.json", of_video_r1),
    "open_r1_video": ("open_r1_video/grpo", "LLaVA-Video-large-swift-origin.jsonl", of_open_r1_video),
    "longvitu": (BY_TYPE, "longvitu_train_101k.json", of_longvitu),
    "qaego4d": (BY_TYPE, "annotations.train.json", of_qaego4d),
    "ego_qa": WEEK,
    "egocross_support": SUPPORT,
}
ELSEWHERE = {"toy_week"}  # in tests/toy/test_rewards_of_rows.py, with its real rows
PARTS = {name for name in RELEASES if name.startswith("egocross_support_")}  # files with a part of the whole


def test_every_release_is_known() -> None:
    assert {one.name for one in RELEASES.values() if "rl" in one.inputs} == KNOWN.keys() | ELSEWHERE | PARTS


@pytest.mark.parametrize("name", KNOWN)
def test_its_rows_are_paid(name: str, tmp_path: Path, monkeypatch) -> None:
    recipe, file, rows_of = KNOWN[name]
    src, rows = tmp_path / "src", rows_of()
    write = files.write_jsonl if file.endswith(".jsonl") else files.write_json
    write(src / file, rows)
    assert paid(name, src, tmp_path / "out", recipe, monkeypatch) == len(rows)


@pytest.mark.skipif(not REAL, reason="FIRSTHAND_REAL_FILES is not set: nothing is checked on real files")
@pytest.mark.parametrize("name", ["egocross_support", *sorted(PARTS)])
def test_the_owners_rows_are_paid(name: str, tmp_path: Path, monkeypatch) -> None:
    assert paid(name, Path(REAL) / "egocross", tmp_path / "out", "egocross/grpo", monkeypatch) >= 10


def paid(name: str, src: Path, out: Path, recipe: str, monkeypatch) -> int:
    made = build(release(name), src, out, ("rl",), Options(), lambda *_: None)["rl"]
    assert made.dropped == 0, made.examples
    monkeypatch.chdir(ROOT)
    words = ["reward", "validate", str(out / "rl_train.parquet"), "--recipe", f"recipes/{recipe}.yaml"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0 and "ok: every gold answer earns the full score" in result.output, result.output
    return made.rows["rl_train.parquet"]

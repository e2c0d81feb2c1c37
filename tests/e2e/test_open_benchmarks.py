"""EgoThink and EgoTextVQA end to end: owner's files, stubs of their media, the tiny model on vLLM, and judges.

The rows are the owner's where FIRSTHAND_REAL_FILES names the folder with them, else made up in their form. The judge of
all answers is a small server that compares words. A real model judges a few: the tiny one, on the same vLLM server,
which cannot say a verdict. All its failures are counted, and none is a score.
"""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.files import read_json, read_jsonl, write_json
from firsthand.serving.vllm_server import vllm_server

pytestmark = [pytest.mark.e2e, pytest.mark.long]
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/tiny_qwen3_vl"
RECIPE = ROOT / "recipes/tiny_sft_qwen3vl.yaml"
REAL = os.environ.get("FIRSTHAND_REAL_FILES", "")
MANY = int(os.environ.get("FIRSTHAND_QUESTIONS", "40"))  # of each benchmark; 10000 asks all
FEW = 20  # answers that the tiny model judges


def egothink(src: Path) -> None:
    """A folder with the annotations and a small picture for each question."""
    if REAL:
        home = Path(REAL) / "egothink"
        found = {path.parent.relative_to(home): read_json(path) for path in home.glob("data/**/annotations.json")}
    else:
        row = {"question": "what do I hold?", "answer": "a cup", "source_dataset": "ego4d"}
        rows = [row | {"image_path": [f"{n}.jpg"]} for n in range(1, 6)]
        found = {Path("data/Activity"): rows, Path("data/Object/existence"): rows}
    for folder, rows in found.items():
        write_json(src / folder / "annotations.json", rows)
        for row in rows:
            path = src / folder / "images" / row["image_path"][0]
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 48), "red").save(path)


def egotextvqa(src: Path, where: str) -> None:
    """The owner's file, and one film of three seconds under the name of each video."""
    if REAL:
        content = read_json(Path(REAL) / f"egotextvqa/{where}_total.json")
    else:
        row = {"video_id": 7, "question": "what is on it?", "question_type": "others", "correct_answer": "stop"}
        rows = [row | {"question_id": 1 + n / 10, "timestamp": float(n)} for n in (1, 2)]
        content = [{"dataset": "egotextqa", "split": where, "task_setting": "open-ended", "data": rows}]
    write_json(src / f"{where}_total.json", content)
    stub = src / "stub.mp4"
    with av.open(str(stub), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width = stream.height = 64
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (src / "videos").mkdir()
    for video in {row["video_id"] for row in content[0]["data"]}:
        (src / f"videos/{video}.mp4").hardlink_to(stub)


RELEASES = {
    "egothink": egothink,
    "egotextvqa_indoor": partial(egotextvqa, where="indoor"),
    "egotextvqa_outdoor": partial(egotextvqa, where="outdoor"),
    "egotextvqa_realtime": partial(egotextvqa, where="outdoor"),
}
MARKS = {"egothink": "mark"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("vllm")
    with vllm_server(MODEL, "tiny", tmp_path_factory.mktemp("vllm") / "log", 4096) as url:
        yield url


@pytest.fixture
def judge(chat_server) -> Any:
    def answer(chat: Any, body: dict[str, Any]) -> None:
        asked = json.loads(body["messages"][-1]["content"])
        near = bool(set(asked["right answer"].lower().split()) & set(asked["answer to grade"].lower().split()))
        textvqa = "pred" in body["messages"][0]["content"]
        chat.complete(
            f"{{'pred': '{'yes' if near else 'no'}', 'score': {5 * near}}}" if textvqa else f"[[{int(near)}]]"
        )

    return chat_server(answer)


def firsthand(*words: Any) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, words)))


def answered(name: str, server: str, folder: Path, limit: int, *more: str) -> Path:
    """The run of a benchmark whose rows were built of its owner's files."""
    src, rows, run = folder / "src", folder / name, folder / "run"
    src.mkdir()
    RELEASES[name](src)
    built = firsthand("data", "build", name, "--src", src, "--out", rows)
    assert built.exit_code == 0, built.output
    assert "media files are missing" not in built.output
    assert REAL == "" or "are published" not in built.output

    ask = ["eval", "run", name, "--rows", rows / "eval.jsonl", "--recipe", RECIPE, "--limit", limit,
           "--server", server, "--model", "tiny", "--max-tokens", 4, "--out", run]  # fmt: skip
    for column in ([], *([one] for one in more)):
        asked = firsthand(*ask, *column)
        assert asked.exit_code == 0, asked.output
    return run


def count(path: Path) -> int:
    return len(list(read_jsonl(path)))


def result(run: Path) -> dict[str, Any]:
    return read_json(run / "results.json")["runs"][0]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RELEASES)
def test_from_the_owners_files_to_a_table(server, judge, tmp_path: Path, name: str) -> None:
    run = answered(name, server, tmp_path, MANY)
    judged = firsthand("eval", "judge", run, "--server", judge.url, "--model", "tiny")
    assert judged.exit_code == 0, judged.output
    asked, found = count(run / "questions.jsonl"), result(run)
    print(f"{name}: {asked} questions, {found['totals']}, {found['judges']}")
    score = found["scores"][f"answer: {MARKS.get(name, 'yes')} by tiny"]
    assert count(run / "answers.jsonl") == score["n"] == asked and set(score["by"])
    assert "answer: exact" in found["scores"] and found["seen"]["media"]
    assert [judge["without"] for judge in found["judges"]] == [0]


@pytest.mark.parametrize("name", ["egothink", "egotextvqa_realtime"])
def test_a_real_model_as_judge_that_gives_no_verdict_gives_no_score(server, tmp_path: Path, name: str) -> None:
    run = answered(name, server, tmp_path, FEW, "--blind")
    asked = count(run / "questions.jsonl")
    judge = ["eval", "judge", run, "--server", server, "--model", "tiny", "--max-tokens", 8, "--retries", 0]
    judged = firsthand(*judge)
    assert judged.exit_code == 1 and "no verdict in" in judged.output
    kept, found = count(run / "verdicts/tiny.jsonl"), result(run)
    assert judged.output.count("no verdict in") == 2 * asked - kept
    assert (
        sum(score["n"] for column, score in found["scores"].items() if f"{MARKS.get(name, 'yes')} by" in column) == kept
    )
    again = firsthand(*judge)
    assert again.exit_code == 1 and f"{kept} from earlier runs" in again.output

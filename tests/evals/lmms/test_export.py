"""A benchmark as a task of lmms-eval: the same messages, and the same scores for the same outputs.

The run in the real lmms-eval needs its own environment: FIRSTHAND_LMMS_EVAL is the path of its python.
"""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from firsthand.answers import extract_choice, extract_letter
from firsthand.cli import app
from firsthand.files import read_jsonl
from firsthand.serving.vllm_server import vllm_server

from ..reading_corpus import IN_TAGS

ROOT = Path(__file__).parents[3]
PYTHON = os.environ.get("FIRSTHAND_LMMS_EVAL", "")


def firsthand(*words: Any) -> Any:
    return CliRunner().invoke(app, ["eval", *map(str, words)])


@pytest.fixture
def questions(media: Path, make_questions) -> Path:
    """Five questions about pictures, one of them about frames as a video; the answers are B B A B A."""
    picture = {"type": "image", "image": "media/a.jpg"}
    rows = [make_questions.question(f"q{i}", picture) | {"answer": answer} for i, answer in enumerate("BBAB")]
    video = {"type": "video", "video": ["media/a.jpg", "media/b.jpg"], "fps": 1.0}
    return make_questions(*rows, make_questions.question("q4", video) | {"answer": "A"})


@pytest.fixture
def task(questions: Path, tmp_path: Path) -> Path:
    result = firsthand("export-lmms", questions, "--out", tmp_path / "tasks")
    assert result.exit_code == 0, result.output
    assert "5 questions" in result.output
    return tmp_path / "tasks/questions"


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("utils", path / "utils.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_messages_are_ours(task: Path) -> None:
    utils, rows = load(task), [json.loads(line) for line in (task / "rows.jsonl").read_text().splitlines()]
    [message] = utils.doc_to_messages(rows[0])
    assert [part["type"] for part in message["content"]] == ["image", "text"]
    assert message["content"][0]["url"].size == (32, 32) and message["content"][1]["text"] == "q0"
    assert [part["type"] for part in utils.doc_to_messages(rows[4])[0]["content"]] == ["image", "image", "text"]
    assert utils.doc_to_text(rows[0]) == "q0" and len(utils.doc_to_visual(rows[4])) == 2


def test_the_folder_needs_no_firsthand(task: Path) -> None:
    code = "import sys, utils; assert not any(name.startswith('firsthand') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=task, check=True)
    text = (task / "firsthand_questions.yaml").read_text()
    assert "doc_to_messages: !function utils.doc_to_messages" in text
    facts = yaml.safe_load("\n".join(line for line in text.splitlines() if "!function" not in line))
    assert Path(facts["dataset_kwargs"]["data_files"]["test"]).is_file()


def test_the_same_outputs_have_the_same_scores(task: Path) -> None:
    utils = load(task)
    texts = [f"<answer>{text}</answer>" for forms in IN_TAGS.values() for text, _ in forms]
    for text in [*texts, "", "B", "the answer is B", "<answer>B</answer> and <answer>"]:
        found = utils.process_results({"answer": "B", "letters": "ABCD", "options": [""] * 4}, [text])
        letter = extract_choice(text)
        assert (found["accuracy"], found["not_readable"]) == (letter == "B", letter is None), text


def test_a_request_that_failed_is_no_answer(task: Path) -> None:
    said = "[LMMS_EVAL_REQUEST_FAILED after 5 retries] <answer>B</answer>"
    found = load(task).process_results({"answer": "B", "letters": "ABCD", "options": [""] * 4}, [said])
    assert found["request_failed"] == 1.0 and found["not_readable"] == 0.0 and found["accuracy"] == 0.0


def test_egocross_reads_bare_letters_and_sends_frames_within_the_budget(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "datasets/egocross_test"
    (folder / "media").mkdir(parents=True)
    Image.new("RGB", (1200, 900), "red").save(folder / "media/a.png")
    row = {"id": "1", "question": "what ?", "options": {"A": "x", "B": "y"}, "answer": "B", "images": ["a.png"]}
    row |= {"times": [0.0], "style": "egocross", "data_source": "egocross", "split": "test"}
    (folder / "eval.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"id": "2", "answer": None}) + "\n")
    result = firsthand("export-lmms", "egocross", "--out", "tasks")
    assert result.exit_code == 0 and "1 questions" in result.output
    utils, [doc] = load(Path("tasks/egocross")), [json.loads(Path("tasks/egocross/rows.jsonl").read_text())]
    [image] = utils.doc_to_visual(doc)
    assert image.width * image.height <= 360_000
    assert (
        utils.process_results(doc, ["B. y"])["accuracy"] == 1.0 and extract_letter("B. y", {"A": "x", "B": "y"}) == "B"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [("ego_r1_bench", "an agent with tools"), ("egocros", "is not a benchmark"), ("no.jsonl", "no.jsonl")],
)
def test_what_cannot_be_exported(name: str, why: str, tmp_path: Path) -> None:
    result = firsthand("export-lmms", name, "--out", tmp_path)
    assert result.exit_code == 1 and why in result.output.replace("\n", " ")


def sample(place: int, output: str) -> dict[str, Any]:
    """As 0.7.3 logs it."""
    tokens = [{"input_tokens": 3, "output_tokens": 2, "reasoning_tokens": 0}]
    return {"doc_id": place, "target": "B", "filtered_resps": output, "token_counts": tokens, "input": "q"}


def test_logged_outputs_become_a_run(task: Path, questions: Path, tmp_path: Path) -> None:
    """Right, nothing readable, failed, wrong; the fifth was never logged."""
    said = [
        "<answer>B</answer>",
        "B?",
        "[LMMS_EVAL_REQUEST_FAILED after 5 retries] <answer>A</answer>",
        "<answer>A</answer>",
    ]
    samples = tmp_path / "samples.jsonl"
    samples.write_text("".join(json.dumps(sample(place, text)) + "\n" for place, text in enumerate(said)))
    words = ["import-lmms", questions, samples, "--task", task, "--out", tmp_path / "run"]
    result = firsthand(*words)
    assert result.exit_code == 0 and "3 answers" in result.output and "2 have none" in result.output, result.output
    [run] = json.loads((tmp_path / "run/results.json").read_text())["runs"]
    score = run["scores"]["answer"]
    assert (score["n"], score["correct"], score["unparsed"], score["missing"]) == (5, 1, 1, 2)
    assert run["totals"]["read"] == 9 and run["benchmark"] == "file"
    again = firsthand(*words)
    assert again.exit_code == 1 and "is there already" in again.output.replace("\n", " ")


def test_samples_of_another_task_are_refused(task: Path, questions: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text(json.dumps(sample(7, "<answer>B</answer>")) + "\n")
    result = firsthand("import-lmms", questions, samples, "--task", task, "--out", tmp_path / "run")
    assert result.exit_code == 1 and "row 1: not a sample that lmms-eval logged" in result.output.replace("\n", " ")


def test_open_answers_are_counted_and_not_scored(make_questions, tmp_path: Path) -> None:
    path = make_questions(make_questions.question("q0") | {"answer": "a red cup", "letters": ""})
    assert firsthand("export-lmms", path, "--out", tmp_path / "tasks").exit_code == 0
    folder = tmp_path / "tasks/questions"
    assert "metric: answered" in (folder / "firsthand_questions.yaml").read_text()
    [row] = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert load(folder).process_results(row, ["a cup"]) == {"answered": 1.0, "request_failed": 0.0}


def lmms_eval(url: str, task: Path, out: Path, *more: str) -> tuple[dict[str, float], Path]:
    """What the released program measures, and the outputs that it logs."""
    if not PYTHON:
        warnings.warn("FIRSTHAND_LMMS_EVAL is not set: the export is NOT run by lmms-eval 0.7.3", stacklevel=2)
        pytest.skip("FIRSTHAND_LMMS_EVAL: the python of an environment with lmms-eval==0.7.3")
    where = f"model_version=tiny,base_url={url},timeout=60,max_retries=2,num_concurrent=1"
    words = [PYTHON, "-m", "lmms_eval", "--model", "openai", "--model_args", where, "--tasks", "firsthand_questions"]
    words += ["--include_path", str(task.parent), "--batch_size", "1", "--log_samples", "--output_path", str(out)]
    own = {"HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none", "HF_HOME": str(out / "hf")}
    done = subprocess.run([*words, *more], env=os.environ | own, capture_output=True, text=True, cwd=out.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    [results], [logged] = out.glob("**/*_results.json"), out.glob("**/*_samples_*.jsonl")
    found = json.loads(results.read_text())["results"]["firsthand_questions"]
    return {key.split(",")[0]: value for key, value in found.items() if isinstance(value, float)}, logged


@pytest.mark.long
@pytest.mark.timeout(1200)  # its imports alone take 25 s of a core
def test_the_released_lmms_eval_scores_as_we_do(server, task: Path, questions: Path, tmp_path: Path) -> None:
    """The same questions to the same server by both programs; the server says B, but to q1 nothing readable."""
    server.script = {"q1": ["cut"] * 9}
    theirs, logged = lmms_eval(f"{server.url}/v1", task, tmp_path / "out")
    back = firsthand("import-lmms", questions, logged, "--task", task, "--out", tmp_path / "back")
    assert back.exit_code == 0, back.output
    server.tries.clear()
    run = firsthand("run", questions, "--server", server.url, "--model", "tiny", "--out", tmp_path / "run")
    assert run.exit_code == 0, run.output
    for folder in ("run", "back"):
        [ours] = json.loads((tmp_path / folder / "results.json").read_text())["runs"]
        score = ours["scores"]["answer"]
        assert (score["correct"], score["unparsed"], score["n"]) == (2, 1, 5)  # q0 and q3
    assert theirs["accuracy"] == pytest.approx(2 / 5) and theirs["not_readable"] == pytest.approx(1 / 5)
    assert theirs["request_failed"] == 0.0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_vllm_both_programs_get_the_same_outputs(task: Path, questions: Path, tmp_path: Path) -> None:
    """Of pictures; frames that we send as a video are pictures there, and another prompt."""
    pytest.importorskip("vllm")
    with vllm_server(ROOT / "models/tiny_qwen3_vl", "tiny", tmp_path / "vllm.log", 4096) as url:
        theirs, logged = lmms_eval(url, task, tmp_path / "out", "--gen_kwargs", "max_new_tokens=16")
        words = ["--server", url, "--model", "tiny", "--max-tokens", 16, "--concurrency", 1, "--out", tmp_path / "run"]
        run = firsthand("run", questions, *words)
    assert run.exit_code == 0, run.output
    back = firsthand("import-lmms", questions, logged, "--task", task, "--out", tmp_path / "back")
    assert back.exit_code == 0 and "5 answers" in back.output, back.output
    ours, brought = (
        {row["id"]: (row["output"], row["prompt_tokens"]) for row in read_jsonl(tmp_path / folder / "answers.jsonl")}
        for folder in ("run", "back")
    )
    pictures = [f"q{number}" for number in range(4)]
    assert [ours[key] for key in pictures] == [brought[key] for key in pictures]
    assert any(output for output, _ in ours.values()) and ours["q4"][1] != brought["q4"][1]
    assert theirs["request_failed"] == 0.0

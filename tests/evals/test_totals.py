"""A run says how it goes and what it took: accuracy beside the bar, tokens, time and cost in the results."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.job import Job
from firsthand.evals.run import SoFar
from firsthand.evals.run_folder import of_file
from firsthand.evals.ways import Run


def eval_run(questions: Path, out: Path, *options: str) -> Any:
    return CliRunner().invoke(app, ["eval", "run", str(questions), "--out", str(out), *options], terminal_width=200)


def test_tokens_time_and_cost(server, make_questions, tmp_path: Path) -> None:
    """The server reads 7 tokens a question and writes 5; a dollar for a million to read, ten to write."""
    questions = make_questions(*(f"q{i}" for i in range(20)))
    out, reach = tmp_path / "run", ["--server", server.url, "--model", "tiny"]
    eval_run(questions, out, *reach, "--limit", "10", "--price", "1", "10")
    result = eval_run(questions, out, *reach)  # the price is remembered
    assert result.exit_code == 0, result.output
    [run] = json.loads((out / "results.json").read_text())["runs"]
    assert (run["totals"]["read"], run["totals"]["written"]) == (140, 100)
    assert round(run["totals"]["cost"], 9) == round((140 + 1000) / 1e6, 9) and run["totals"]["seconds"] > 0
    assert "altogether 140 tokens read, 100 written" in result.output and "0.0011 US dollars" in result.output


def test_the_accuracy_so_far(make_questions, tmp_path: Path) -> None:
    path = make_questions("q1", "q2", "q3")
    job = Job(of_file(path), Run(tmp_path / "run"))
    job.begin([json.loads(line) for line in path.read_text().splitlines()])
    so_far = SoFar(job)
    said = [so_far.note({"id": f"q{i}", "output": text}) for i, text in [(1, "<answer>B</answer>"), (2, "hm")]]
    assert said == ["100.0 % right so far", "50.0 % right so far"]

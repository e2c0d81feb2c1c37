"""What lmms-eval logged, as a run: the same outputs under our metrics, judges, intervals and comparisons."""

from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.answers import extract_choice, extract_letter
from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.lmms.export import reads_bare_letters
from firsthand.evals.run_folder import FILE, Folder
from firsthand.files import read_jsonl

FAILED = "[LMMS_EVAL_REQUEST_FAILED"


def bring_back(benchmark: Benchmark, samples: Path, task: Path, out: Path) -> tuple[Folder, int, int]:
    """The run, how many answers it has, and how many requests had failed there: these were never answered."""
    ids = [row["id"] for row in read_jsonl(task / "rows.jsonl")]
    rows = {row["id"]: row for row in read_jsonl(benchmark.questions)}
    if lost := [id for id in ids if id not in rows]:
        raise UserError(f"{task}: {len(lost)} of its questions are not in {benchmark.questions} (such as {lost[0]})")
    folder, said = Folder(out), {}
    if folder.answers.exists():
        raise UserError(f"{folder.answers} is there already; use another --out")
    for number, sample in enumerate(read_jsonl(samples), 1):
        place, output = sample.get("doc_id"), sample.get("filtered_resps")
        if not isinstance(place, int) or not 0 <= place < len(ids) or not isinstance(output, str):
            raise UserError(f"{samples}: row {number}: not a sample that lmms-eval logged of {task}")
        if not output.startswith(FAILED):
            said[ids[place]] = _row(benchmark, rows[ids[place]], output, sample)
    folder.begin(benchmark.name if SUITE.get(benchmark.name) == benchmark else FILE, [rows[id] for id in ids])
    files.write_jsonl(folder.answers, said.values())
    return folder, len(said), len(ids) - len(said)


def _row(benchmark: Benchmark, question: dict[str, Any], output: str, sample: dict[str, Any]) -> dict[str, Any]:
    letters, texts = question.get("letters", "ABCD"), question.get("options") or {}
    if bare := reads_bare_letters(benchmark):
        letter = extract_letter(output, {letter: texts.get(letter, "") for letter in letters})
    else:
        letter = extract_choice(output, letters)
    [tokens] = sample.get("token_counts") or [{}]
    return {
        "id": question["id"],
        "messages_sha256": "",
        "settings": {"asked by": "lmms-eval"},
        "output": output,
        "letter": letter,
        **({"decided": True} if bare else {}),
        "finish_reason": None,
        "prompt_tokens": tokens.get("input_tokens") or 0,
        "completion_tokens": tokens.get("output_tokens") or 0,
    }

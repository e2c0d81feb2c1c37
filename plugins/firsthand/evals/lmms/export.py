"""The folder of a task for lmms-eval: its YAML, the questions, the code that asks and scores, and what differs there.

The folder stands alone. Our strict reader of letters goes with it as source, so that the same output has the same
score in both. The questions are those that `firsthand eval run NAME` asks with its default options: the same messages
and frames, and frames outside the pixel budget go along as they are sent.
"""

import hashlib
import inspect
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from firsthand import answers, files
from firsthand.data.questions import read_questions
from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.rows import as_rows
from firsthand.evals.single_turn.answer import Plan, prepared
from firsthand.evals.single_turn.frames import Budget, fit
from firsthand.evals.ways import Agent, SingleTurn
from firsthand.files import read_jsonl, write_bytes, write_text
from firsthand.llm.messages import Prompted
from firsthand.media.paths import inside
from firsthand.rollout.prompt import eval_row

HERE = Path(__file__).parent
KEPT = ("id", "answer", "letters", "options", "messages")
CHOICES, OPEN = ("accuracy", "not_readable", "request_failed"), ("answered", "request_failed")
GOOD = ("accuracy", "answered")


def export(benchmark: Benchmark, out: Path, media_root: Path | None = None, limit: int | None = None) -> int:
    """Writes `out/NAME/`, and says how many questions are in it; those whose answer is not public are left out."""
    name, way = f"firsthand_{benchmark.name}", benchmark.ask
    if isinstance(way, Agent):
        raise UserError(f"{benchmark.name} is answered by an agent with tools, which lmms-eval does not run")
    folder, root = out / benchmark.name, _root(benchmark, media_root)
    rows = [row for row in _rows(benchmark, root, folder) if row.get("answer") is not None]
    if not rows:
        raise UserError(f"{benchmark.questions}: no question has a public answer, so lmms-eval can score none")
    rows = list(islice(rows, limit))
    of_letters = all(row["letters"] for row in rows)
    files.write_jsonl(folder / "rows.jsonl", [{key: row[key] for key in KEPT} for row in rows])
    write_text(folder / "utils.py", _utils(benchmark))
    write_text(folder / f"{name}.yaml", _task(name, folder, way.max_tokens, CHOICES if of_letters else OPEN))
    told = {"NAME": name, "OUT": str(out), "COUNT": str(len(rows)), "TOKENS": str(way.max_tokens)}
    write_text(folder / "README.md", _filled((HERE / "README.md").read_text(), told))
    return len(rows)


def _root(benchmark: Benchmark, media_root: Path | None) -> Path:
    beside = benchmark.questions.parent
    return (media_root or (beside / "media" if isinstance(benchmark.ask, SingleTurn) else beside)).resolve()


def _rows(benchmark: Benchmark, root: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """The rows as they are asked, with messages as lmms-eval takes them."""
    if isinstance(way := benchmark.ask, SingleTurn):
        budget = Plan(model="", way=way).budget
        asked = (prepared(question, way) for question in read_questions(benchmark.questions).values())
        rows = [eval_row(fit(question, root, way.frames, way.max_frames, budget)) for question in asked]
    else:
        rows, budget = list(read_jsonl(benchmark.questions)), None
    for row, shown in zip(rows, as_rows(benchmark.questions, rows, Prompted).values(), strict=True):
        texts = [(row.get("options") or {}).get(letter, "") for letter in shown.letters]
        yield row | {"letters": shown.letters, "options": texts, "messages": _messages(shown, root, budget, folder)}


def _messages(question: Prompted, root: Path, budget: Budget | None, folder: Path) -> list[dict[str, Any]]:
    def parts(message: Any) -> Iterator[dict[str, str]]:
        for part in [{"type": "text", "text": message.content}] if isinstance(message.content, str) else message.parts:
            if isinstance(part, dict):
                yield part
            elif part.type == "text":
                yield {"type": "text", "text": part.text}
            elif part.type == "image":
                yield {"type": "image", "url": _frame(part.image, root, budget, folder)}
            elif isinstance(part.video, str):
                yield {"type": "video", "url": str(inside(root, part.video))}
            else:
                yield from ({"type": "image", "url": _frame(path, root, budget, folder)} for path in part.video)

    return [{"role": message.role, "content": list(parts(message))} for message in question.messages]


def _frame(path: str, root: Path, budget: Budget | None, folder: Path) -> str:
    """Where the frame lies; one outside the budget is written as it is sent."""
    full = inside(root, path)
    if budget is None or budget.holds(full):
        return str(full)
    sent = folder / "frames" / f"{hashlib.sha256(str(full).encode()).hexdigest()[:20]}.png"
    if not sent.is_file():
        write_bytes(sent, budget.read(root, path)[0])
    return str(sent.resolve())


def _utils(benchmark: Benchmark) -> str:
    """The code of the task, then the source of our strict reader, which imports the standard library alone."""
    read = "extract_letter(said, options)" if reads_bare_letters(benchmark) else 'extract_choice(said, doc["letters"])'
    return _filled((HERE / "task_code.txt").read_text(), {"READ": read}) + "\n\n" + inspect.getsource(answers)


def reads_bare_letters(benchmark: Benchmark) -> bool:
    """Or letters in tags: which of the two readers in `answers.py` is the benchmark's."""
    return isinstance(benchmark.ask, SingleTurn)


def _task(name: str, folder: Path, max_tokens: int, metrics: tuple[str, ...]) -> str:
    functions = ("doc_to_visual", "doc_to_text", "doc_to_messages", "process_results")
    facts = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str((folder / "rows.jsonl").resolve())}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "generation_kwargs": {"max_new_tokens": max_tokens, "temperature": 0, "do_sample": False},
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": metric in GOOD} for metric in metrics
        ],
        "metadata": [{"version": 1.0}],
    }
    called = [f"{function}: !function utils.{function}" for function in functions]
    return "\n".join([*called, yaml.safe_dump(facts, sort_keys=False)])


def _filled(text: str, told: dict[str, str]) -> str:
    for key, value in told.items():
        text = text.replace(f"@{key}@", value)
    return text

"""A benchmark from its rows to its answers, on a server that is there, or on one that is started and ends with the run.

The ways of asking differ in `_as_written`, `_single_turn` and `agents/run.py`; folder, server and resuming are shared.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data.questions import read_questions
from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.run_folder import Folder
from firsthand.evals.ways import Agent, AsWritten, Run, SingleTurn
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, only_model
from firsthand.question import Question
from firsthand.rollout.episodes import Served
from firsthand.rollout.prompt import eval_row
from firsthand.serving.vllm_server import vllm_server
from firsthand.tools import keys


@dataclass(frozen=True)
class Job:
    """A benchmark that is answered into the folder of a run."""

    benchmark: Benchmark
    run: Run

    @cached_property
    def folder(self) -> Folder:
        return Folder(self.run.out)

    @property
    def rows(self) -> Path:
        return self.run.questions or self.benchmark.questions

    def questions(self) -> list[Question]:
        return list(islice(read_questions(self.rows).values(), self.run.limit))

    def begin(self, rows: Sequence[dict[str, Any]], tools: str | None = None) -> None:
        """Open questions are refused where no metric could score them."""
        if all(metric.needs_letters for metric in self.benchmark.metrics):
            for number, row in enumerate(rows, 1):
                if row.get("letters") == "":
                    what = f"{row['id']} is an open question, and {self.benchmark.name} is scored by letters alone"
                    raise UserError(f"{self.rows}: row {number}: {what}; ask it with `firsthand eval ask`")
        self.folder.begin(self.benchmark.name, rows, tools)

    @contextmanager
    def server(self, media_root: Path | None = None) -> Iterator[Served]:
        """With a media root, a server that is started here may read the files below it."""
        run = self.run
        pace, key = Pace(run.concurrency, run.retries, run.timeout), key_of(run.key_env)
        if run.server is None and run.model is None:
            raise UserError("say --server URL, or --model FOLDER to have it served")
        if run.server:
            yield Served(run.server, run.model or only_model(run.server, key), pace, key)
            return
        model = Path(run.model or "")
        if not (model / "config.json").is_file():
            raise UserError(
                f"{model}: not a model folder (config.json is missing); with a LoRA adapter, merge it first"
            )
        extra = ["--allowed-local-media-path", str(media_root.resolve())] if media_root else []
        with vllm_server(model, str(model), self.folder.path / "vllm.log", run.max_model_len, extra) as url:
            yield Served(url, str(model), pace, key)


def key_of(variable: str | None) -> str | None:
    return keys.read([variable])[0] if variable else None


def answer(benchmark: Benchmark, run: Run) -> tuple[Folder, Summary]:
    """Asks what has no answer yet; the folder is counted again by `results`."""
    job = Job(benchmark, run)
    match benchmark.ask:
        case AsWritten() as way:
            return job.folder, _as_written(job, way)
        case SingleTurn() as way:
            return job.folder, _single_turn(job, way)
        case Agent() as way:
            from firsthand.evals.agents.run import answer_as_agent

            return job.folder, answer_as_agent(job, way)


def _as_written(job: Job, way: AsWritten) -> Summary:
    from firsthand.evals.single_turn.as_written import ask, read

    run, root = job.run, way.media_root or job.rows.parent
    questions = dict(islice(read(job.rows, way.recipe).items(), run.limit))
    job.begin(list(islice(files.read_jsonl(job.rows), run.limit)))
    with job.server() as (url, model, pace, key):
        settings = Settings(model=model, temperature=way.temperature, max_tokens=way.max_tokens, seed=run.seed)
        out = job.folder.answers
        asking = ask(questions, out, url, settings, media_root=root, recipe=way.recipe, pace=pace, key=key)
        return asyncio.run(asking)


def _single_turn(job: Job, way: SingleTurn) -> Summary:
    from firsthand.evals.single_turn.answer import Plan, Task
    from firsthand.evals.single_turn.answer import answer as answer_one

    root = (way.media_root or job.rows.parent / "media").resolve()
    tasks = {question.id: Task(question) for question in job.questions()}
    job.begin([eval_row(task.question) for task in tasks.values()])
    with job.server(root if way.by_path else None) as (url, model, pace, key):
        plan = Plan(model=model, max_tokens=way.max_tokens, seed=job.run.seed, way=way)
        return asyncio.run(
            ask_all(tasks, partial(answer_one, plan=plan, root=root), job.folder.answers, url, plan, pace, key)
        )

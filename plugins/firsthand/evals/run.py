"""A benchmark is asked in its way; folder, server and resuming are the same for all (`job.py`)."""

import asyncio
from functools import partial
from itertools import islice
from typing import Any

from firsthand.evals.agents.run import answer_as_agent
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.job import Job
from firsthand.evals.rows import Prediction
from firsthand.evals.run_folder import Folder
from firsthand.evals.score import scorable
from firsthand.evals.single_turn import as_written
from firsthand.evals.single_turn.answer import Plan, Task
from firsthand.evals.single_turn.answer import answer as answer_one
from firsthand.evals.ways import Agent, AsWritten, Run, SingleTurn
from firsthand.llm.ask_many import Summary, ask_all
from firsthand.llm.client import Settings
from firsthand.rollout.prompt import eval_row


def answer(benchmark: Benchmark, run: Run) -> tuple[Folder, Summary]:
    """Asks what has no answer yet; the folder is counted again by `results`."""
    job = Job(benchmark, run)
    match benchmark.ask:
        case AsWritten() as way:
            return job.folder, _as_written(job, way)
        case SingleTurn() as way:
            return job.folder, _single_turn(job, way)
        case Agent() as way:
            return job.folder, answer_as_agent(job, way)


def _as_written(job: Job, way: AsWritten) -> Summary:
    run, root = job.run, way.media_root or job.rows.parent
    rows = as_written.rows_of(job.rows, way.style)
    questions = dict(islice(as_written.prompted(job.rows, rows, way.recipe).items(), run.limit))
    job.begin(rows[: run.limit])
    with job.server() as (url, model, pace, key):
        settings = Settings(model=model, temperature=way.temperature, max_tokens=way.max_tokens, seed=run.seed)
        out = job.folder.answers
        ask = partial(as_written.ask, media_root=root, recipe=way.recipe, pace=pace, key=key, note=SoFar(job).note)
        return asyncio.run(ask(questions, out, url, settings))


def _single_turn(job: Job, way: SingleTurn) -> Summary:
    root = (way.media_root or job.rows.parent / "media").resolve()
    tasks = {question.id: Task(question) for question in job.questions()}
    job.begin([eval_row(task.question) for task in tasks.values()])
    with job.server(root if way.by_path else None) as (url, model, pace, key):
        plan = Plan(model=model, max_tokens=way.max_tokens, seed=job.run.seed, way=way)
        work = partial(answer_one, plan=plan, root=root)
        return asyncio.run(ask_all(tasks, work, job.folder.answers, url, plan, pace, key, SoFar(job).note))


class SoFar:
    """The accuracy of what is answered so far, which stands beside the bar; of letters, which are read at once."""

    def __init__(self, job: Job):
        self.metric = next((metric for metric in job.benchmark.metrics if metric.needs_letters), None)
        self.golds = scorable(job.folder.golds, self.metric) if self.metric else {}
        self.n, self.right = 0, 0.0

    def note(self, row: dict[str, Any]) -> str:
        if self.metric and (gold := self.golds.get(row["id"])):
            self.n += 1
            self.right += self.metric.value(Prediction.model_validate(row), gold) or 0
        return f"{100 * self.right / self.n:.1f} % right so far" if self.n else ""

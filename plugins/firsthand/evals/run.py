"""A benchmark is asked in its way; folder, server and resuming are the same for all (`job.py`)."""

import asyncio
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand.evals import seen
from firsthand.evals.agents.run import answer_as_agent
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.job import Job
from firsthand.evals.rows import Prediction
from firsthand.evals.run_folder import Folder
from firsthand.evals.score import scorable
from firsthand.evals.single_turn import as_written, changed
from firsthand.evals.single_turn.answer import Plan, Task
from firsthand.evals.single_turn.answer import answer as answer_one
from firsthand.evals.ways import Agent, AsWritten, Run, SingleTurn
from firsthand.llm.ask_many import Summary, ask_all
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
    run, root, out = job.run, way.media_root or _beside(job.rows), job.folder.column(way.column)
    rows = as_written.rows_of(job.rows, way.style)
    if way.blind:
        blind = [eval_row(changed.blind(question)) for question in changed.read(job.rows, rows)]
        questions = as_written.prompted(job.rows, blind, way.recipe)
    else:
        questions = as_written.prompted(job.rows, rows, way.recipe)
    questions = dict(islice(questions.items(), run.limit))
    orders = changed.orders_of(job.rows, rows, way.rotated) if way.shuffled or way.rotated else {}
    job.begin(rows[: run.limit], seen=seen.of_media(rows[: run.limit], root))
    with job.server() as (url, model, pace, key):
        settings = as_written.FrameSettings.of_way(way, model, run.seed)
        ask = partial(as_written.ask, media_root=root, recipe=way.recipe, orders=orders, note=SoFar(job).note)
        return asyncio.run(ask(questions, out, url, settings, pace=pace, key=key))


def _single_turn(job: Job, way: SingleTurn) -> Summary:
    root, out = (way.media_root or job.rows.parent / "media").resolve(), job.folder.column(way.column)
    questions = job.questions()
    rows = [eval_row(question) for question in questions]
    tasks = {question.id: Task(changed.blind(question) if way.blind else question) for question in questions}
    job.begin(rows, seen=seen.of_media(rows, root))
    with job.server(root if way.by_path else None) as (url, model, pace, key):
        plan = Plan(model=model, max_tokens=way.max_tokens, seed=job.run.seed, way=way)
        work = partial(answer_one, plan=plan, root=root)
        return asyncio.run(ask_all(tasks, work, out, url, plan, pace, key, SoFar(job).note))


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


def _beside(rows: Path) -> Path:
    """Where the media of a file of rows are: in the folder that `firsthand data build` links, else in its own."""
    linked = rows.parent / "media"
    return linked if linked.is_symlink() else rows.parent

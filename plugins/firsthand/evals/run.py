"""A benchmark from its rows to its answers, on a server that is there, or on one that is started and ends with the run.

The ways of asking differ in `_as_written`, `_single_turn` and `agents/run.py`; folder, server and resuming are shared.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.run_folder import Folder
from firsthand.evals.ways import Agent, AsWritten, Run, SingleTurn
from firsthand.llm import keys
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, only_model
from firsthand.serving.vllm_server import vllm_server


@contextmanager
def server_of(run: Run, folder: Folder, key: str | None, media_root: Path | None = None) -> Iterator[tuple[str, str]]:
    """URL and model name. With a media root, a server that is started here may read the files below it."""
    if run.server is None and run.model is None:
        raise UserError("say --server URL, or --model FOLDER to have it served")
    if run.server:
        yield run.server, run.model or only_model(run.server, key)
        return
    model = Path(run.model or "")
    if not (model / "config.json").is_file():
        raise UserError(f"{model}: not a model folder (config.json is missing); with a LoRA adapter, merge it first")
    extra = ["--allowed-local-media-path", str(media_root.resolve())] if media_root else []
    with vllm_server(model, str(model), folder.path / "vllm.log", run.max_model_len, extra) as url:
        yield url, str(model)


def answer(benchmark: Benchmark, run: Run) -> tuple[Folder, Summary]:
    """Asks what has no answer yet; the folder is counted again by `results`."""
    rows = run.questions or benchmark.questions
    folder, pace = Folder(run.out), Pace(run.concurrency, run.retries, run.timeout)
    key = keys.read_one(run.key_env)
    match benchmark.ask:
        case AsWritten() as way:
            return folder, _as_written(benchmark, way, run, rows, folder, pace, key)
        case SingleTurn() as way:
            return folder, _single_turn(benchmark, way, run, rows, folder, pace, key)
        case Agent() as way:
            from firsthand.evals.agents.run import answer_as_agent

            return folder, answer_as_agent(benchmark, way, run, rows, folder, pace, key)


def _as_written(
    benchmark: Benchmark, way: AsWritten, run: Run, rows: Path, folder: Folder, pace: Pace, key: str | None
) -> Summary:
    from firsthand.evals.single_turn.as_written import ask, read

    questions = dict(islice(read(rows, way.recipe).items(), run.limit))
    folder.begin(benchmark.name, list(islice(files.read_jsonl(rows), run.limit)))
    with server_of(run, folder, key) as (url, name):
        settings = Settings(model=name, temperature=way.temperature, max_tokens=way.max_tokens, seed=run.seed)
        root = way.media_root or rows.parent
        asking = ask(questions, folder.answers, url, settings, media_root=root, recipe=way.recipe, pace=pace, key=key)
        return asyncio.run(asking)


def _single_turn(
    benchmark: Benchmark, way: SingleTurn, run: Run, rows: Path, folder: Folder, pace: Pace, key: str | None
) -> Summary:
    from firsthand.data.questions import read_questions
    from firsthand.evals.single_turn.answer import Plan, Task
    from firsthand.evals.single_turn.answer import answer as answer_one
    from firsthand.rollout.prompt import eval_row

    root = (way.media_root or rows.parent / "media").resolve()
    questions = dict(islice(read_questions(rows).items(), run.limit))
    folder.begin(benchmark.name, [eval_row(question) for question in questions.values()])
    tasks = {key: Task(question) for key, question in questions.items()}
    with server_of(run, folder, key, root if way.by_path else None) as (url, name):
        chosen: dict[str, Any] = asdict(way) | {"model": name, "seed": run.seed}
        plan = Plan.model_validate({key: chosen[key] for key in Plan.model_fields if key in chosen})
        one = partial(answer_one, plan=plan, root=root, by_path=way.by_path)
        return asyncio.run(ask_all(tasks, one, folder.answers, url, plan, pace, key))

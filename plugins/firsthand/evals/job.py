"""One benchmark on its way into the folder of a run: its rows, its folder, and the server that answers.

The server is a running one, or one that starts and ends with the run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand.data.questions import read_questions
from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.metrics.metric import check_libraries
from firsthand.evals.run_folder import Folder
from firsthand.evals.seen import Seen
from firsthand.evals.ways import Run
from firsthand.llm import keys
from firsthand.llm.ask_many import Pace
from firsthand.llm.client import only_model
from firsthand.llm.price import Price
from firsthand.question import Question
from firsthand.rollout.episodes import Served
from firsthand.serving.vllm_server import vllm_server


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

    @property
    def price(self) -> Price | None:
        return Price(prompt=self.run.price[0], completion=self.run.price[1]) if self.run.price else None

    def questions(self) -> list[Question]:
        return list(islice(read_questions(self.rows).values(), self.run.limit))

    def begin(self, rows: Sequence[dict[str, Any]], tools: str | None = None, seen: Seen | None = None) -> None:
        """Open questions are refused where no metric could score them, and metrics without their libraries."""
        check_libraries(self.benchmark.metrics)
        if all(metric.needs_letters for metric in self.benchmark.metrics):
            for number, row in enumerate(rows, 1):
                if row.get("letters") == "":
                    what = f"{row['id']} is an open question, and {self.benchmark.name} is scored by letters alone"
                    raise UserError(f"{self.rows}: row {number}: {what}; ask it with `firsthand eval ask`")
        self.folder.begin(self.benchmark.name, rows, tools, seen, self.price)

    @contextmanager
    def server(self, media_root: Path | None = None, flags: Sequence[str] = ()) -> Iterator[Served]:
        """One that is started here gets these flags, and may read the files below a media root."""
        run = self.run
        pace, key = Pace(run.concurrency, run.retries, run.timeout, run.patience), keys.read_one(run.key_env)
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
        extra = [*flags, *(["--allowed-local-media-path", str(media_root.resolve())] if media_root else [])]
        with vllm_server(model, str(model), self.folder.path / "vllm.log", run.max_model_len, extra) as url:
            yield Served(url, str(model), pace, key)

"""The YAML that a hub reads at the head of a card, in each hub's own format.

Hugging Face reads results as `model-index` and shows them beside the model. ModelScope has no such key that we know of
(not verified): there the results stand in the table of the card alone.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from firsthand.data.build.catalogue import RELEASES
from firsthand.evals.results import AGENT, ANSWER, Results
from firsthand.evals.run_folder import Folder
from firsthand.evals.score import Score

HubName = Literal["hf", "modelscope"]
TASK = "video-text-to-text"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def of_model(
    hub: HubName, name: str, base: str | None, licence: str, runs: Sequence[tuple[Folder, Results]]
) -> dict[str, Any]:
    head: dict[str, Any] = {"license": licence, **({"base_model": base} if base else {}), "tags": ["egocentric-video"]}
    if hub == "modelscope":
        return head | {"frameworks": ["pytorch"], "tasks": [TASK]}
    head |= {"library_name": "transformers", "pipeline_tag": TASK}
    results = [one for run, found in runs for one in _results(run, found)]
    return head | ({"model-index": [{"name": name, "results": results}]} if results else {})


def _results(run: Folder, found: Results) -> Iterable[dict[str, Any]]:
    """One result for each metric of the run's own answers."""
    release = RELEASES.get(run.benchmark.questions.parent.name)
    data = release.hub.repo if release and release.hub else run.manifest.benchmark
    metrics = [_metric(run, column, score) for column, score in own_scores(found).items()]
    if metrics:
        about = {"name": run.benchmark.about.rstrip("."), "type": data}
        yield {"task": {"type": TASK}, "dataset": about, "metrics": metrics}


def _metric(run: Folder, column: str, score: Score) -> dict[str, Any]:
    low, high = score.bootstrap or score.interval
    kind = column.partition(": ")[2] or run.benchmark.metrics[0].name
    name = f"{kind}, n = {score.n}, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return {"type": "accuracy" if kind == "choice" else kind, "name": name, "value": round(100 * score.accuracy, 2)}


def own_scores(found: Results) -> dict[str, Score]:
    """What the model itself said, without the columns of controls."""
    return {name: score for name, score in found.scores.items() if name.partition(": ")[0] in (ANSWER, AGENT)}


def of_data(hub: HubName, licence: str, files: Sequence[Path], rows: int) -> dict[str, Any]:
    size = next((size for limit, size in SIZES if rows < limit), "n>1M")
    head: dict[str, Any] = {"license": licence_id(licence), "tags": ["egocentric-video"]}
    if head["license"] == "other":
        head["license_name"] = licence
    if hub == "modelscope":
        return head | {"tasks": ["visual-question-answering"]}
    splits = [{"config_name": path.stem, "data_files": path.name} for path in files]
    return head | {"task_categories": ["visual-question-answering"], "size_categories": [size], "configs": splits}


def licence_id(licence: str) -> str:
    """The hub's identifier that a text begins with, or `other`."""
    found = re.match(r"(cc-by(-nc)?(-sa|-nd)?-[\d.]+|apache-2\.0|mit|cc0-1\.0)\b", licence.lower())
    return found[0] if found else "other"

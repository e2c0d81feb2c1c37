"""The benchmarks by name: where their rows are, how they are asked and scored, and what scores are grouped by.

A release of `data/build` that names its metrics is a benchmark by that; one that agents answer, or with metrics of its
own, is a record here. The turns of agents are those that Ego-R1's scripts allow: twelve in a week, seven in a single
video. `--turns` changes them, and every result says what was allowed.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from firsthand.data.build.catalogue import RELEASES
from firsthand.data.build.release import Release
from firsthand.evals.judge import protocols
from firsthand.evals.metrics import CHOICE, Metric, rewarded, speak, text
from firsthand.evals.ways import Agent, AsWritten, SingleTurn, Way


@dataclass(frozen=True)
class Benchmark:
    name: str
    about: str
    questions: Path  # rows of `firsthand data build`
    ask: Way
    metrics: tuple[Metric, ...] = (CHOICE,)
    by: tuple[str, ...] = ()
    cluster: str | None = None  # questions of one value are not independent: whole clusters are resampled
    decimals: int = 1  # of its accuracy in per cent, as its owners print it
    owner_files: str | None = field(default=None, repr=False)  # module that reads the owner's answers and submissions


_EGOLIFE = "recipes/ego_r1/loops/egolife.yaml"
_EGOSCHEMA = Benchmark(
    "egoschema",
    "EgoSchema: five options, clips of three minutes; the 500 public answers are scored.",
    Path("datasets/egoschema/eval.jsonl"),
    Agent("recipes/ego_r1/loops/egoschema.yaml", default_turns=7),
)
_ALL = (
    Benchmark(
        "egocross",
        "EgoCross: 957 questions about surgery, industry, extreme sports and animals.",
        Path("datasets/egocross_test/eval.jsonl"),
        SingleTurn(),
        by=("domain", "primary_category", "question_type"),
        cluster="video",
        decimals=2,  # 432 of 957 is 45.14 in the ranking
        owner_files="firsthand.evals.egocross.owner_files",
    ),
    Benchmark(
        "ego_r1_bench",
        "Ego-R1 Bench: 300 questions about the weeks of six people.",
        Path("datasets/ego_r1_bench/eval.jsonl"),
        Agent(_EGOLIFE, default_turns=12),
        by=("type", "identity"),
    ),
    Benchmark(
        "egolife_qa",
        "EgoLifeQA: the 500 public questions about the week of A1_JAKE.",
        Path("datasets/egolife_qa/eval.jsonl"),
        Agent(_EGOLIFE, default_turns=12),
        by=("type", "need_audio"),
    ),
    _EGOSCHEMA,
    Benchmark(
        "videomme_long",
        "Video-MME, long: 900 questions about 300 videos, without subtitles.",
        Path("datasets/videomme_long/eval.jsonl"),
        Agent("recipes/ego_r1/loops/videomme.yaml", default_turns=7),
        by=("domain", "task_type"),
    ),
    replace(
        _EGOSCHEMA,
        name="egoschema_full",
        about="EgoSchema, all 5,031 questions, for its owner's server.",
        questions=Path("datasets/egoschema_full/eval.jsonl"),
    ),
    Benchmark(
        "egomemreason",
        "EgoMemReason: 500 questions about the week of A1_JAKE, for its owner's page.",
        Path("datasets/egomemreason/eval.jsonl"),
        Agent(_EGOLIFE, default_turns=12),
        by=("query_type",),
    ),
    Benchmark(
        "toy_memory",
        "The toy week's questions that only its memory answers.",
        Path("datasets/toy_agent/agent_test.jsonl"),
        Agent("recipes/toy/loop.yaml"),
        by=("type", "identity"),
    ),
)
_METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (CHOICE, *text.ALL, *speak.ALL, *rewarded.ALL, *protocols.ALL)
}


def of_release(release: Release) -> Benchmark:
    """Its eval rows, one request each, scored as the release says."""
    metrics = tuple(_METRICS[name] for name in release.metrics)
    rows = Path(f"datasets/{release.name}/eval.jsonl")
    return Benchmark(release.name, release.about, rows, AsWritten(), metrics, release.by, release.cluster)


_OF_RELEASES = (of_release(release) for release in RELEASES.values() if release.metrics)
SUITE = {benchmark.name: benchmark for benchmark in (*_ALL, *_OF_RELEASES)}

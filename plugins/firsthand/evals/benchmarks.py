"""The benchmarks by name: where their rows are, how they are asked and scored, and what scores are grouped by.

A new one is a record here and a converter that makes its rows. The turns of agents are those that Ego-R1's scripts
allow: twelve in a week, seven in a single video. `--turns` changes them, and every result says what was allowed.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from firsthand.evals.judge import protocols
from firsthand.evals.metrics import CHOICE, Metric
from firsthand.evals.metrics.speak import SPEAK_F1, SPEAK_GEOMETRIC
from firsthand.evals.metrics.text import BLEU, EXACT, METEOR, ROUGE_L
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


def _built(name: str, about: str, metrics: tuple[Metric, ...] = (CHOICE,), **fields: Any) -> Benchmark:
    """Rows of `firsthand data build NAME`, one request each."""
    return Benchmark(name, about, Path(f"datasets/{name}/eval.jsonl"), AsWritten(), metrics, **fields)


_EGOLIFE = "recipes/ego_r1/loops/egolife.yaml"
_EGOCROSS = ("domain", "primary_category", "question_type")
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
        by=_EGOCROSS,
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
    replace(
        _built("qaego4d_close", "QAEgo4D: 500 questions with four options about Ego4D's clips."),
        questions=Path("datasets/qaego4d/eval.jsonl"),
    ),
    _built("qaego4d_open", "QAEgo4D, the test set, open.", (EXACT, ROUGE_L, METEOR, BLEU, protocols.JUDGE)),
    _built(
        "egocross_open", "EgoCross, its questions without options.", (EXACT, ROUGE_L, protocols.EGOCROSS), by=_EGOCROSS
    ),
    *(
        _built(
            f"egotextvqa_{name}",
            f"EgoTextVQA, {about}.",
            (EXACT, ROUGE_L, protocols.EGOTEXTVQA),
            by=("question_type",),
            cluster="source_video",
        )
        for name, about in {
            "indoor": "indoors: 2,216 questions",
            "outdoor": "outdoors: 4,848 questions",
            "realtime": "real-time: 623 questions, each at the end of what is shown",
        }.items()
    ),
    _built("egothink", "EgoThink: 700 pictures, twelve tasks.", (EXACT, ROUGE_L, protocols.EGOTHINK), by=("task",)),
    _built("egoplan2", "EgoPlan-Bench2: 1,321 times the best next action of four.", by=("domain", "scenario")),
    *(
        _built(name, f"Video-MME: 2,700 questions, {about} subtitles.", by=("duration", "task_type"), cluster="videoID")
        for name, about in {"videomme": "without", "videomme_subtitles": "with"}.items()
    ),
    *(
        _built(
            name,
            f"LongVideoBench, validation, {about} subtitles.",
            by=("duration_group", "question_category"),
            cluster="video_path",
        )
        for name, about in {"longvideobench": "without", "longvideobench_subtitles": "with"}.items()
    ),
    _built("egolongqa", "EgoLongQA: 700 questions about ten minutes each.", by=("category",), cluster="source_video"),
    _built(
        "egoproactive",
        "EgoProactive: speak or stay silent, at 9,935 moments.",
        (SPEAK_F1, SPEAK_GEOMETRIC),
        by=("task",),
        cluster="session",
    ),
    _built(
        "egoconv", "EgoConv: conversations about a video.", (BLEU, protocols.EGOCONV), by=("task",), cluster="session"
    ),
    Benchmark(
        "toy_memory",
        "The toy week's questions that only its memory answers.",
        Path("datasets/toy_agent/agent_test.jsonl"),
        Agent("recipes/toy/loop.yaml"),
        by=("type", "identity"),
    ),
    Benchmark(
        "toy_order",
        "The toy week: what only the order of the frames tells, and what each frame shows.",
        Path("datasets/toy_order/order_test.jsonl"),
        SingleTurn(media_root=Path("datasets/toy_order"), min_pixels=1, max_tokens=32),
        by=("label",),
    ),
)
SUITE = {benchmark.name: benchmark for benchmark in _ALL}

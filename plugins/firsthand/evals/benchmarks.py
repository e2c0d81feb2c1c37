"""The benchmarks by name: where their rows lie, how long an agent may search, what scores are grouped by.

The turns are those that Ego-R1's scripts allow: twelve in a week, seven in a single video. A limit of another's loop is
no part of the question, so `--turns` changes it, and what was allowed stands in every result.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Benchmark:
    name: str
    about: str
    questions: Path  # of `firsthand data build`
    loop: Path  # over the memory and the frames of its people or videos
    turns: int
    by: tuple[str, ...]


_ALL = (
    Benchmark(
        "ego_r1_bench",
        "Ego-R1 Bench: 300 questions about the weeks of six people.",
        Path("datasets/ego_r1_bench/eval.jsonl"),
        Path("recipes/ego_r1/loops/egolife.yaml"),
        turns=12,
        by=("type", "identity"),
    ),
    Benchmark(
        "egolife_qa",
        "EgoLifeQA: the 500 public questions about the week of A1_JAKE.",
        Path("datasets/egolife_qa/eval.jsonl"),
        Path("recipes/ego_r1/loops/egolife.yaml"),
        turns=12,
        by=("type", "need_audio"),
    ),
    Benchmark(
        "egoschema",
        "EgoSchema: five options, clips of three minutes; the 500 public answers are scored.",
        Path("datasets/egoschema/eval.jsonl"),
        Path("recipes/ego_r1/loops/egoschema.yaml"),
        turns=7,
        by=(),
    ),
    Benchmark(
        "videomme_long",
        "Video-MME, long: 900 questions about 300 videos, without subtitles.",
        Path("datasets/videomme_long/eval.jsonl"),
        Path("recipes/ego_r1/loops/videomme.yaml"),
        turns=7,
        by=("domain", "task_type"),
    ),
    Benchmark(
        "toy_memory",
        "The toy week's questions that only its memory answers.",
        Path("datasets/toy_agent/agent_test.jsonl"),
        Path("recipes/toy/loop.yaml"),
        turns=9,
        by=("type", "identity"),
    ),
)
SUITE = {benchmark.name: benchmark for benchmark in _ALL}

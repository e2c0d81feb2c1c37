"""Which benchmarks are there, with all their files, and how the files of their owners become their rows."""

from itertools import islice
from pathlib import Path

from firsthand.data.build.build import Built, Options, Tick, build
from firsthand.data.build.catalogue import RELEASES
from firsthand.data.build.release import Release
from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.ways import Agent
from firsthand.files import read_jsonl
from firsthand.rollout.prompt import media_of

FIRST = 20  # questions whose media are looked for


def known(name: str) -> Benchmark:
    if name not in SUITE:
        raise UserError(f"{name!r} is not a benchmark: {', '.join(SUITE)}")
    return SUITE[name]


def release_of(benchmark: Benchmark) -> Release | None:
    """The release that its rows are built from: they lie in a folder of its name."""
    return RELEASES.get(benchmark.questions.parent.name)


def described(one: Benchmark) -> str:
    """Three lines of `firsthand eval list`."""
    release, here = release_of(one), _lines(one.questions) if one.questions.is_file() else None
    published = release.rows if release else None
    count = f"{here} questions" if here else f"{published} rows in its release" if published else "? questions"
    way = "agent with tools" if isinstance(one.ask, Agent) else "one reply"
    metrics, groups = ", ".join(metric.name for metric in one.metrics), ", ".join(one.by) or "nothing"
    return (
        f"{one.name}: {count}, {way}; scored by {metrics}; grouped by {groups}\n"
        f"    {one.about}\n    {one.questions}: missing: {missing(one)}"
    )


def missing(benchmark: Benchmark) -> str:
    """Nothing, or what to get from whom and the command that makes the rows of it."""
    release, folder = release_of(benchmark), benchmark.questions.parent
    if not benchmark.questions.is_file():
        if release is None:
            return f"its rows; see `firsthand toy --help` or {folder}"
        return f"its rows; from {release.kept_at}, then firsthand eval prepare {benchmark.name} --from FOLDER"
    rows = islice(read_jsonl(benchmark.questions), FIRST)
    named = list(dict.fromkeys(path for row in rows for path in media_of(row)))
    lacking = [path for path in named if not (folder / "media" / path).exists()]
    if lacking:
        what = f"{len(lacking)} of the {len(named)} frames and videos of its first {FIRST} questions"
        return f"{what}, such as {folder}/media/{lacking[0]}"
    return "nothing that its questions name" if named else "nothing; what its tools need is in their YAML"


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(bool(line.strip()) for line in file)


def prepare(benchmark: Benchmark, source: Path, tick: Tick) -> tuple[Release, Built]:
    """Builds the rows and counts what the release held: another number than the published one is an error."""
    release = release_of(benchmark)
    if release is None:
        raise UserError(f"{benchmark.name} has no release to be built from; it is made by `firsthand toy`")
    built = build(release, source, benchmark.questions.parent, ("eval",), Options(), tick)["eval"]
    read = next(iter(built.rows.values())) + built.folded + built.dropped + built.left_aside.total()
    if release.rows is not None and read != release.rows:
        what = f"{source} holds {read} rows, and {release.name} has {release.rows} as published"
        raise UserError(f"{what}; get it whole from {release.kept_at}. What was read is in {benchmark.questions}")
    if other := [f"{count} {what}" for what, count in built.notes.items() if what.startswith("questions (")]:
        raise UserError(f"{source} holds {'; '.join(other)}. What was read is in {benchmark.questions}")
    return release, built

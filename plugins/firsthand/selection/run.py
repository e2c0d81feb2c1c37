"""`firsthand select run`: samples for every row, a decision about each, and what comes out of it.

OUT/generations/*.jsonl   what the model said; never asked again
OUT/ledger.jsonl          every row with its scores and its reason
OUT/selected.*            the rows that are kept, in the format of the pool
OUT/selection.html        both histograms, and examples
OUT/summary.json          counts, tokens, settings
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from firsthand.errors import UserError
from firsthand.files import alone, write_json, write_jsonl
from firsthand.llm.ask_many import share
from firsthand.progress import progress_bar
from firsthand.selection import region_file
from firsthand.selection.generations import Generations, read_all
from firsthand.selection.ledger import KEPT, UNANSWERED, Entry, line_of, sketch
from firsthand.selection.pool import Pool, Row
from firsthand.selection.recipe import Recipe
from firsthand.selection.region_file import Region
from firsthand.selection.sampling import Planner, Sampler
from firsthand.selection.scoring import Scorer
from firsthand.selection.servers import Servers

Score = Callable[["Inputs", Planner], list[Entry]]  # in the order of the pool


@dataclass
class Inputs:
    """What a run reads, checked before the first question."""

    recipe: Recipe
    pool: Pool
    regions: Mapping[str, Region]
    scorer: Scorer | None

    @classmethod
    def open(cls, recipe: Recipe) -> "Inputs":
        asks = bool(recipe.method.conditions)
        if asks and not (recipe.policy and recipe.reward):
            raise UserError(f"method {recipe.method.name} asks a model; write `policy` and `reward` into the recipe")
        if "masked" in recipe.method.conditions and not recipe.regions:
            raise UserError(
                "the fine filter hides the interaction region; make the file with `firsthand select regions` and name "
                "it as `regions`, or write `fine: null` under `method`"
            )
        scorer = Scorer(recipe.reward) if asks and recipe.reward else None
        pool = Pool(recipe.pool, recipe.media_root)
        return cls(recipe, pool, region_file.read(recipe.regions) if recipe.regions else {}, scorer)


@dataclass
class Result:
    lines: list[dict[str, Any]]
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(line["reason"] for line in self.lines)


def run(recipe: Recipe, score: Score | None = None) -> Result:
    """Whatever goes wrong after the first answer, a second run goes on from it."""
    inputs, start = Inputs.open(recipe), time.monotonic()
    with alone(recipe.out, "selection"):
        entries = scored(inputs, score or in_this_process)
        has_form = bool(inputs.scorer and inputs.scorer.has_form)
        verdicts = recipe.method.decide(entries, has_form)
        pairs = zip(entries, verdicts, strict=True)
        result = Result([line_of(entry, verdict, recipe.method) for entry, verdict in pairs])
        write_jsonl(recipe.ledger, result.lines)
        result.summary = _summary(recipe, result, time.monotonic() - start)
        write_json(recipe.out / "summary.json", result.summary)
        _write_page(inputs, result)
        _refuse(recipe, result)
        inputs.pool.write({line["number"] for line in result.lines if line["kept"]}, recipe.chosen)
    return result


def in_this_process(inputs: Inputs, planner: Planner) -> list[Entry]:
    return asyncio.run(_in_this_process(inputs, planner))


def scored(inputs: Inputs, score: Score = in_this_process) -> list[Entry]:
    """Every row of the pool with what its method needs to decide, in the order of the file."""
    method, scorer = inputs.recipe.method, inputs.scorer
    if scorer is None:
        return [sketch(row) for row in inputs.pool]
    entries = score(inputs, method.planner(scorer.has_form, None))
    if method.needs_centre:
        entries = score(inputs, method.planner(scorer.has_form, method.centre(entries)))
    return entries


async def _in_this_process(inputs: Inputs, planner: Planner) -> list[Entry]:
    recipe = inputs.recipe
    assert recipe.policy and inputs.scorer
    servers, own = Servers(recipe.policy), recipe.generations / "0.jsonl"
    try:
        await servers.check()
        with Generations(own, read_all(recipe.generations, own.name)) as generations:
            sampler = Sampler(recipe, inputs.pool.root, servers, inputs.scorer, generations, planner)

            def work(row: Row, worker: int) -> Awaitable[Entry]:
                return sampler.entry(row, inputs.regions.get(row.id), worker)

            workers = recipe.policy.concurrency * len(recipe.policy.servers)
            return await _work_off(inputs.pool, work, workers, servers)
    finally:
        await servers.close()


async def _work_off(
    pool: Pool, work: Callable[[Row, int], Awaitable[Entry]], workers: int, servers: Servers
) -> list[Entry]:
    done, bar = list[Entry](), progress_bar()
    task = bar.add_task("rows", total=len(pool))

    async def answer(row: Row, worker: int) -> None:
        done.append(await work(row, worker))
        gone = f"  {len(servers.gone)} servers gone" if servers.gone else ""
        bar.update(task, advance=1, description=f"rows{gone}")

    with bar:
        await share(pool, answer, workers)
    return sorted(done, key=lambda entry: entry.number)


def _summary(recipe: Recipe, result: Result, seconds: float) -> dict[str, Any]:
    def total(key: str) -> int:
        return sum(line[key] for line in result.lines)

    samples = sum(len(seen["accuracy"]) for line in result.lines for seen in line["samples"].values())
    return {
        "rows": len(result.lines),
        "kept": result.reasons[KEPT],
        "reasons": dict(result.reasons.most_common()),
        "stopped_early": total("stopped_early"),
        "samples": samples,
        "requests": total("requests"),
        "prompt_tokens": total("prompt_tokens"),
        "completion_tokens": total("completion_tokens"),
        "seconds": round(seconds, 1),
        "recipe": recipe.model_dump(mode="json"),
    }


def _write_page(inputs: Inputs, result: Result) -> None:
    from firsthand.selection.page import write

    write(inputs, result)


def _refuse(recipe: Recipe, result: Result) -> None:
    """What is no data set to train with. The ledger says why, and the answers are kept."""
    reasons = result.reasons
    if not (failed := reasons[UNANSWERED]):
        if reasons[KEPT]:
            return
        closest = [line["drop"] for line in result.lines if line["drop"] is not None]
        highest = f"; the largest fine difference is {max(closest):.2f}" if closest else ""
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise UserError(
            f"no row is kept ({told}){highest}; lower the thresholds, or write `share`. See {recipe.ledger}"
        )
    why = next(line["why"] for line in result.lines if line["reason"] == UNANSWERED)
    raise UserError(
        f"{failed} of {len(result.lines)} rows have no scores, the first because: {why or 'it was not reached'}. "
        f"All answers are kept in {recipe.generations}; run it again to ask for the others"
    )


def told(recipe: Recipe, result: Result) -> Sequence[str]:
    summary = result.summary
    lines = [f"{count:7} {reason}" for reason, count in result.reasons.most_common()]
    if recipe.method.conditions:
        most = recipe.method.samples * len(recipe.method.conditions) * summary["rows"]
        lines.append(
            f"{summary['samples']} of {most} samples, {summary['requests']} requests, "
            f"{summary['prompt_tokens']} prompt and {summary['completion_tokens']} completion tokens"
        )
    if summary["stopped_early"]:
        lines.append(f"{summary['stopped_early']} rows were stopped early; `risk: null` draws all of their samples")
    return [*lines, f"{summary['kept']} of {summary['rows']} rows -> {recipe.chosen}"]

"""What waiting for slow tools costs a batch of trajectories, and what our own loop costs a turn.

    python bench/rollout.py [--trajectories 64] [--calls 6] [--scale 0.1]

Turns of the model take a fixed time, calls of the tool one drawn from a log-normal distribution: most are quick, a few
are very slow. Three ways run the same trajectories through the same toolbox: one coroutine each (`run_episode`, as in
training), rounds (all write, all call, the slowest is waited for, as loops with a synchronous environment do), and the
longest trajectory alone, which nothing can beat. The model is a pause, however many write at once; a real engine is
faster when fewer do. How much rounds lose depends on the draw, so many draws are reckoned and a few are run.

The cost of a turn is measured in veRL's agent loop with the tokenizer of models/tiny_qwen3_vl, a prompt of 8,000 tokens
and a model and a tool that answer at once: reading the turn, checking the call, cleaning its answer, rendering the
observation, token ids and mask. It is judged by CPU time, since the wall clock of a busy machine says little.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import BaseModel

from firsthand.rollout.agent import Limits, Reply, run_episode
from firsthand.rollout.dialects import call
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.cassettes import Cassettes
from firsthand.tools.protocol import Context, Outcome
from firsthand.tools.toolbox import Toolbox

MODEL = Path(__file__).parents[1] / "models/tiny_qwen3_vl"
TURN = 1.0  # seconds of the model
MEDIAN, SPREAD, LONGEST = 1.5, 1.1, 60.0  # of a call: seconds, of its logarithm, and the deadline
CONTEXT = Context("A1_JAKE", None)
ANSWER = "<think>so</think> <answer>B</answer>"


class Arguments(BaseModel):
    number: int


class Slow:
    """Call `number` takes `latencies[number]` seconds; a cassette may know its answer."""

    name, description, arguments = "slow", "Waits.", Arguments

    def __init__(self, latencies: np.ndarray, words: str = "found", cassettes: Cassettes | None = None):
        self.latencies, self.words, self.cassettes = latencies, words, cassettes

    async def run(self, arguments: Arguments, context: Context) -> Outcome:
        async def ask() -> dict[str, Any]:
            await asyncio.sleep(self.latencies[arguments.number])
            return {"text": self.words}

        request = {"number": arguments.number}
        response = (await self.cassettes.play(request, ask))[0] if self.cassettes else await ask()
        return Outcome("ok", response["text"])


def turns(numbers: list[int], dialect: Dialect = "ego_r1") -> list[str]:
    return [*(call("look again", "slow", {"number": number}, dialect) for number in numbers), ANSWER]


class Model:
    """A policy that writes given turns."""

    def __init__(self, texts: list[str], seconds: float):
        self.texts, self.seconds = iter(texts), seconds

    async def generate(self) -> Reply:
        await asyncio.sleep(self.seconds)
        return Reply(next(self.texts), 100)

    async def append(self, message: dict[str, Any], images: Any) -> bool:
        return True


class Batch:
    """`plan`: the numbers of the calls of each trajectory."""

    def __init__(self, plan: list[list[int]], turn: float):
        self.plan, self.turn = plan, turn

    async def one(self, toolbox: Toolbox, numbers: list[int]) -> None:
        model, limits = Model(turns(numbers), self.turn), Limits(turns=len(numbers) + 2)
        trace = await run_episode(model, toolbox, CONTEXT, "ego_r1", "AB", limits)
        assert trace.letter == "B" and len(trace.calls) == len(numbers) and not trace.faults

    async def at_once(self, toolbox: Toolbox) -> None:
        await asyncio.gather(*(self.one(toolbox, numbers) for numbers in self.plan))

    async def in_rounds(self, toolbox: Toolbox) -> None:
        models = [Model(turns(numbers), self.turn) for numbers in self.plan]
        for numbers in zip(*self.plan, strict=True):
            await asyncio.gather(*(model.generate() for model in models))
            await asyncio.gather(*(toolbox.call("slow", {"number": number}, CONTEXT) for number in numbers))
        await asyncio.gather(*(model.generate() for model in models))


async def seconds(work: Awaitable[None]) -> float:
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


def draw(seed: int, *shape: int) -> np.ndarray:
    return np.minimum(MEDIAN * np.random.default_rng(seed).lognormal(0, SPREAD, shape), LONGEST)


def reckoned(latencies: np.ndarray, turn: float) -> tuple[float, float]:
    """Seconds of the longest trajectory, and of rounds, if nothing but waiting took time."""
    model = (latencies.shape[1] + 1) * turn
    return latencies.sum(1).max() + model, latencies.max(0).sum() + model


async def waiting(trajectories: int, calls: int, scale: float, draws: int) -> None:
    times = [reckoned(draw(seed, trajectories, calls), TURN) for seed in range(1000)]
    low, middle, high = np.percentile([rounds / longest for longest, rounds in times], [5, 50, 95])
    pause = f"a turn {TURN:g} s, a call {MEDIAN:g} s in the median and {LONGEST:g} s at most"
    print(f"{trajectories} trajectories of {calls} calls: {pause}; all times {scale:g}")
    print(f"1000 draws, reckoned: rounds take {middle:.2f} ({low:.2f} to {high:.2f}) of the longest trajectory")
    found = []
    for seed in range(draws):
        latencies = draw(seed, trajectories, calls) * scale
        plan = [list(range(start, start + calls)) for start in range(0, latencies.size, calls)]
        batch = Batch(plan, TURN * scale)
        toolbox = Toolbox([Slow(latencies.ravel())])
        longest, _ = reckoned(latencies, TURN * scale)
        ours, rounds = await seconds(batch.at_once(toolbox)), await seconds(batch.in_rounds(toolbox))
        print(f"draw {seed}: the longest {longest:6.2f} s, at once {ours:6.2f} s, in rounds {rounds:6.2f} s")
        found.append((ours / longest, rounds / ours))
    aim("at once / the longest, median", statistics.median(one for one, _ in found), at_most=1.15)
    aim("in rounds / at once, median", statistics.median(two for _, two in found), at_least=2.0)
    with tempfile.TemporaryDirectory() as folder:
        live, replay = [
            await seconds(batch.at_once(Toolbox([Slow(latencies.ravel(), cassettes=Cassettes(folder, mode))])))
            for mode in ("record", "replay")
        ]
    model = TURN * scale * (calls + 1)
    print(f"the last draw at once: recorded {live:.2f} s, replayed {replay:.2f} s, of which the model {model:.2f} s")


async def overhead(dialect: Dialect, calls: int) -> None:
    from omegaconf import OmegaConf
    from transformers import AutoProcessor
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    from firsthand.training import agent_loop
    from firsthand.training.dataset import MediaDataset

    processor = AutoProcessor.from_pretrained(MODEL)
    config = DictConfigWrap(OmegaConf.create({
        "actor_rollout_ref": {"rollout": {"prompt_length": 16384, "response_length": 16384}},
        "data": {"media": {"root": ".", "image": {}, "video": {}}},
    }))  # fmt: skip
    words = "the cup is on the table . " * 40
    vars(agent_loop)["toolbox_of"] = lambda _: Toolbox([Slow(np.zeros(calls), words)])
    written = [
        processor.tokenizer.encode(text, add_special_tokens=False) for text in turns(list(range(calls)), dialect)
    ]
    stamps: list[tuple[float, float]] = []  # wall and CPU, when the model is asked

    async def generate(**_: Any) -> Any:
        stamps.append((time.perf_counter(), time.process_time()))
        return SimpleNamespace(token_ids=written[(len(stamps) - 1) % len(written)], log_probs=None, extra_fields={})

    loop = agent_loop.ToolLoop(
        trainer_config=config, server_manager=SimpleNamespace(generate=generate), tokenizer=processor.tokenizer,
        processor=processor, dataset_cls=MediaDataset, data_config=DictConfigWrap(config.config.data),
        hf_model_type="qwen3_vl", toolbox="", dialect=dialect, turns=calls + 2,
    )  # fmt: skip
    prompt = [{"role": "system", "content": "you answer"}, {"role": "user", "content": "i hold the cup . " * 1600}]
    facts = {"identity": "A1_JAKE", "query_time": "DAY2_10000000"}
    for _ in range(2):  # the first one loads what is loaded once
        stamps.clear()
        output = await loop.run({}, raw_prompt=list(prompt), extra_info=facts)
    wall, cpu = (float(np.median(one)) for one in np.diff(np.array(stamps), axis=0).T)
    sizes = f"{len(output.prompt_ids)} + {len(output.response_ids)} tokens, {len(stamps)} turns"
    print(f"{dialect}, {sizes}: {wall * 1e6:.0f} us a turn, {cpu * 1e6:.0f} us of CPU (medians)")
    aim(f"{dialect}: CPU of a turn, as a share of one second", cpu, at_most=0.01)


def aim(what: str, value: float, at_most: float | None = None, at_least: float | None = None) -> None:
    wanted = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    reached = value <= at_most if at_most is not None else value >= (at_least or 0)
    print(f"{what}: {value:.4g} (aim: {wanted}{'' if reached else '; MISSED'})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, default=64)
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--scale", type=float, default=0.1, help="of all times")
    parser.add_argument("--draws", type=int, default=3, help="how many are run")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    asyncio.run(waiting(options.trajectories, options.calls, options.scale, options.draws))
    for dialect in ("ego_r1", "native"):
        asyncio.run(overhead(dialect, options.calls))


if __name__ == "__main__":
    main()

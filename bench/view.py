"""How long `firsthand view` takes for a training run with many trajectories, how much memory, and how soon the list
shows in a browser, against the naive page: all trajectories as one JSON in it, a row of the list for each.

The run is made here, with the classes that a real one is written by: agents of one to nine turns over a week, eight
rollouts a question. Memory is the largest resident set of the process that builds; the time to the list is from the
start of the navigation until the page has drawn its first rows, in headless chromium. One run on one machine: compare
the ratios.

Example: python bench/view.py --trajectories 10000
"""

import argparse
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from firsthand import clock, files
from firsthand.pages.run.build import build
from firsthand.pages.run.chunks import as_json
from firsthand.rollout.telemetry import Rollout, metrics_of
from firsthand.rollout.trace import Trace, Turn

BATCH, GROUP = 256, 8
LABELS = ["memory", "interaction", "scene", "social", "prior"]
PEOPLE = ["A1_JAKE", "A2_ALICE", "A3_TASHA"]
TEXT = (
    "I look for the red cup on the table before Alice came back and put the kettle beside the notebook then we walked"
)
WORDS = f"{TEXT} to the living room where Jake was cutting flowers and asked who would buy the cake tomorrow".split()
NAIVE = """<!doctype html><meta charset="utf-8"><div id="list"></div>
<script type="application/json" id="rows">ROWS</script>
<script>
for (const row of JSON.parse(document.getElementById("rows").textContent)) {
  const line = document.createElement("div");
  line.textContent = [row.step, row.facts.id, row.facts.label, row.trace.stop, row.score].join(" ");
  document.getElementById("list").append(line);
}
document.body.offsetHeight;
document.documentElement.dataset.ready = Math.round(performance.now());
</script>"""


def words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count)).capitalize() + "."


def call(rng: random.Random, asked: float) -> Turn:
    tool = rng.choices(["rag", "video_llm", "vlm", "frames"], [6, 3, 2, 1])[0]
    status = rng.choices(["ok", "user_error", "blocked_by_time", "timeout"], [90, 6, 3, 1])[0]
    start = clock.plus(asked, -rng.randrange(60, 80_000))
    end = clock.plus(start, rng.choice([30, 60, 600]))
    arguments = {
        "rag": {"level": rng.choice(["week", "day", "hour"]), "keywords": rng.sample(WORDS, 3)},
        "video_llm": {"question": words(rng, 12), "range": clock.format_range(start, end)},
        "vlm": {"question": words(rng, 9), "timestamp": clock.stamp(start)},
        "frames": {"range": clock.format_range(start, end), "count": 4},
    }[tool]
    body = json.dumps({"name": tool, "arguments": arguments})
    text = f"<think>{words(rng, rng.randrange(30, 120))}</think> <tool>{body}</tool>"
    turn = Turn(text=text, tokens=len(text) // 4, action="call", tool=tool, arguments=arguments, status=status)
    turn.seconds = rng.lognormvariate(1, 0.5)
    turn.tool_seconds = rng.lognormvariate({"rag": -3, "video_llm": 1.5, "vlm": 0.7, "frames": -2}[tool], 0.6)
    turn.observation = words(rng, rng.randrange(40, 240) if status == "ok" else 12)
    if status == "ok":
        turn.spans = [(start, start if tool == "vlm" else end)]
        turn.images = [clock.plus(start, 7 * i) for i in range(4)] if tool == "frames" else []
    return turn


def rollout(rng: random.Random, key: str, facts: dict, skill: float) -> Rollout:
    asked = clock.parse(facts["query_time"])
    turns = [call(rng, asked) for _ in range(max(0, min(8, round(rng.gauss(4, 2)))))]
    if rng.random() < 0.06:
        turns.append(
            Turn(text=words(rng, 30), tokens=40, action="invalid", observation="no action could be read", seconds=1.1)
        )
    stop = rng.choices(["answer", "no_answer", "length", "invalid"], [0.55 + 0.4 * skill, 0.1, 0.05, 0.02])[0]
    letter = rng.choice("ABCD") if stop == "answer" else None
    right = letter is not None and rng.random() < skill
    last = f"<think>{words(rng, 30)}</think> <answer>{letter}</answer>" if letter else words(rng, 60)
    turns.append(
        Turn(
            text=last,
            tokens=len(last) // 4,
            action="answer" if letter else "invalid",
            seconds=rng.lognormvariate(0.5, 0.4),
        )
    )
    trace = Trace(
        turns=turns, stop=stop, letter=letter, seconds=sum(turn.seconds + turn.tool_seconds for turn in turns)
    )
    parts = {
        "accuracy": float(right),
        "format": float(letter is not None),
        "evidence": 0.6 * right,
        "calls": len(turns) - 1.0,
    }
    return Rollout(key, parts["accuracy"] + 0.1 * parts["format"], parts, trace, facts)


def batch(rng: random.Random, step: int, skill: float) -> list[Rollout]:
    rollouts = []
    for number in range(BATCH // GROUP):
        person, asked = (
            rng.choice(PEOPLE),
            clock.plus(clock.midnight(rng.randrange(2, 8)), rng.randrange(36_000, 80_000)),
        )
        facts = {"id": f"egolife/{person}/q{rng.randrange(3000):04}", "identity": person, "label": rng.choice(LABELS)}
        facts |= {"query_time": clock.stamp(asked), "index": number}
        hard = min(0.98, max(0.02, rng.gauss(skill, 0.3)))
        rollouts += [rollout(rng, f"q{step}x{number}_{k}_0", facts, hard) for k in range(GROUP)]
    return rollouts


def make(folder: Path, count: int) -> Path:
    rng, run, steps = random.Random(0), folder / "run", -(-count // BATCH)
    metrics = []
    for step in range(1, steps + 1):
        rollouts = batch(rng, step, 0.25 + 0.5 * step / steps)[: count - (step - 1) * BATCH]
        files.write_jsonl(run / f"traces/{step:06}.jsonl", [one.as_row(step) for one in rollouts])
        groups = [rollouts[i : i + GROUP] for i in range(0, len(rollouts), GROUP)]
        logged = metrics_of(groups) | {
            "actor/entropy": 1.2 - step / steps + rng.gauss(0, 0.05),
            "timing_s/step": 60 + rng.gauss(0, 4),
        }
        metrics.append({"step": step, "data": logged | {"response_length/mean": 300 + step + rng.gauss(0, 20)}})
    files.write_jsonl(run / "metrics/1.jsonl", metrics)
    return run


def naive(run: Path, out: Path) -> None:
    rows = [row for path in sorted(run.glob("traces/*.jsonl")) for row in files.read_jsonl(path)]
    out.write_text(NAIVE.replace("ROWS", as_json(rows)))


def browse(page: Path, folder: Path) -> str:
    """The middle one of three times until the list shows, and the mean work of the whole browser."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return "no chromium, so not opened"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1440,900"]
    command += ["--dump-dom", f"--user-data-dir={folder / 'profile'}", f"{page.as_uri()}#tab=list"]
    took, spent = [], cpu(resource.RUSAGE_CHILDREN)
    for _ in range(3):
        dom = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        [ready] = re.findall(r'<html[^>]* data-ready="(\d+)"', dom)
        took.append(int(ready))
    spent = (cpu(resource.RUSAGE_CHILDREN) - spent) / 3
    return f"list after {sorted(took)[1]:,} ms, {spent:.1f} s of processor time"


def cpu(who: int) -> float:
    return sum(resource.getrusage(who)[:2])


def peak() -> float:
    """MB; the kernel's own mark of this program, since `ru_maxrss` remembers the parent's."""
    [mark] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(mark) / 1e3


def built(kind: str, run: Path, out: Path) -> None:
    began, before = time.perf_counter(), peak()
    (build if kind == "view" else naive)(run, out)
    took, spent = time.perf_counter() - began, cpu(resource.RUSAGE_SELF)
    print(
        f"built in {took:.1f} s ({spent:.1f} s of processor time), peak {peak():.0f} MB, {before:.0f} of them imports"
    )


def size(paths: Iterator[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="leave the run and the pages in this folder")
    parser.add_argument("--build", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.build:
        kind, run, out = args.build
        built(kind, Path(run), Path(out))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        run = make(folder, args.trajectories)
        print(f"{args.trajectories:,} trajectories, {size(run.glob('traces/*')):.0f} MB of JSONL")
        for kind in ("view", "naive"):
            out = folder / f"{kind}.html"
            done = subprocess.run(
                [sys.executable, __file__, "--build", kind, str(run), str(out)],
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"{kind}: {done.stdout.strip()}; page {out.stat().st_size / 1e6:.1f} MB; {browse(out, Path(name))}")
        print(f"chunks beside the page: {size(folder.glob('view_chunks/*')):.0f} MB")


if __name__ == "__main__":
    main()

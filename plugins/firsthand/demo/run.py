"""A demo: its stages, then one page that shows what they measured."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from firsthand import files
from firsthand.demo import (
    agent,
    agent_report,
    choice,
    choice_report,
    ego3s,
    ego3s_report,
    egoagent,
    egoagent_report,
    order,
    order_report,
    seeds,
)
from firsthand.errors import UserError
from firsthand.stages import Stage, run_stages


class Demo(NamedTuple):
    stages: Callable[[Path, int], list[Stage]]  # from the folder of a run and a seed
    content: Callable[[Path], dict[str, Any]]  # what report.json says beside seed, commands and seconds
    seed: Callable[[dict[str, Any]], seeds.Seed]  # what the table of several seeds takes from it
    comparison: Callable[[Path, int], list[Stage]] | None = None  # the same stages, and more of them


DEMOS = {
    "agent": Demo(agent.stages, agent_report.content, seeds.gain),
    "choice": Demo(choice.stages, choice_report.content, seeds.gain),
    "ego3s": Demo(ego3s.stages, ego3s_report.content, seeds.ego3s, ego3s.comparison),
    "egoagent": Demo(egoagent.stages, egoagent_report.content, seeds.egoagent),
    "order": Demo(order.stages, order_report.content, seeds.order),
}


def demo(name: str) -> Demo:
    if name not in DEMOS:
        raise UserError(f"{name!r} is not one of the demos {', '.join(DEMOS)}")
    return DEMOS[name]


def run_demo(name: str, run: Path, seed: int, console: Console, whole: bool = False) -> Path:
    """All stages that are not done yet; returns the path of the report."""
    from firsthand.pages.report.build import build

    chosen = demo(name)
    stages = chosen.comparison if whole else chosen.stages
    if stages is None:
        raise UserError(f"--all: the demo {name} has no further trainings")
    if not Path("recipes").is_dir():
        raise UserError("run the demo from the root of the repository: recipes/ is not here")
    began = time.monotonic()
    with files.alone(run, "demo"):
        seconds = run_stages(run, stages(run, seed), console)
        report = {
            **chosen.content(run),
            "seed": seed,
            "commands": [f"firsthand demo run {name} --out {run} --seed {seed}{' --all' * whole}"],
            "stages": [{"name": name, "seconds": value} for name, value in seconds.items()],
        }
        files.write_json(run / "report.json", report)
        build(run, run / "report.html")
    console.print(f"\n{time.monotonic() - began:.0f} s in this run, {sum(seconds.values()):.0f} s over all stages")
    console.print(f"the report: [bold]{run / 'report.html'}[/bold]")
    return run / "report.html"

"""A demo: its stages, then one page that shows what they measured."""

import time
from pathlib import Path

from rich.console import Console

from firsthand import files
from firsthand.demo import agent, agent_report, choice, choice_report
from firsthand.errors import UserError
from firsthand.stages import run_stages

# name -> its stages, from the folder of a run and a seed; what report.json says beside seed, commands and seconds
DEMOS = {"agent": (agent.stages, agent_report.content), "choice": (choice.stages, choice_report.content)}


def run_demo(name: str, run: Path, seed: int, console: Console) -> Path:
    """All stages that are not done yet; returns the path of the report."""
    from firsthand.pages.report.build import build

    if name not in DEMOS:
        raise UserError(f"{name!r} is not one of the demos {', '.join(DEMOS)}")
    if not Path("recipes").is_dir():
        raise UserError("run the demo from the root of the repository: recipes/ is not here")
    stages, content = DEMOS[name]
    began = time.monotonic()
    with files.alone(run, "demo"):
        seconds = run_stages(run, stages(run, seed), console)
        report = {
            **content(run),
            "seed": seed,
            "commands": [f"firsthand demo run {name} --out {run} --seed {seed}"],
            "stages": [{"name": name, "seconds": value} for name, value in seconds.items()],
        }
        files.write_json(run / "report.json", report)
        build(run, run / "report.html")
    console.print(f"\n{time.monotonic() - began:.0f} s in this run, {sum(seconds.values()):.0f} s over all stages")
    console.print(f"the report: [bold]{run / 'report.html'}[/bold]")
    return run / "report.html"

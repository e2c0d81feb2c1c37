"""Run a list of stages so that killing any of them and starting again ends well.

A stage is one ordinary command. When it has ended well its stamp is written: the hash of the command, of the files it
reads and of what the stages before it made, and the hash of the files it made, which another run may write anew. A
later run reuses a stage whose stamp still fits and runs the others again.

Inside a stage the frameworks' own resume takes over (LLaMA-Factory and veRL checkpoints, resumable JSONL). They would
also resume what was begun from other inputs, and call an old model the new one: what a stage resumes is therefore
marked with the hash that it was begun with, and moved aside when that is another.
"""

import hashlib
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from firsthand import files, processes
from firsthand.errors import UserError
from firsthand.processes import tail
from firsthand.progress import progress_bar

Watch = Callable[[], tuple[int, int, str]]  # steps done, steps in all, a few words

# Tiny models gain from a second thread and from no third, and only where a waiting thread leaves its core to others.
TWO_THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE", "DISABLE_VERSION_CHECK": "1"}


@dataclass
class Stage:
    name: str
    command: list[str] | Callable[[], None]
    reads: list[Path] = field(default_factory=list)  # files whose change makes the stage run again
    makes: list[Path] = field(default_factory=list)  # what must exist for the stage to be reused
    resumes: list[Path] = field(default_factory=list)  # what its command goes on with when it is there
    says: str = ""
    watch: Watch | None = None
    env: dict[str, str] = field(default_factory=dict)


def run_stages(run: Path, stages: list[Stage], console: Console) -> dict[str, float]:
    """Runs what is not done yet; returns the seconds that each stage took when it ran."""
    seconds: dict[str, float] = {}
    before = ""
    for number, stage in enumerate(stages, 1):
        before = _fingerprint(stage, before)
        stamp = run / "stages" / f"{stage.name}.json"
        head = f"[bold]\\[{number}/{len(stages)}] {stage.name}[/bold]"
        if _done(stamp, before, stage):
            stamped = files.read_json(stamp)
            seconds[stage.name] = stamped["seconds"]
            before = _after(before, stamped["made"])
            console.print(f"{head}  reused (took {seconds[stage.name]:.0f} s)")
            continue
        console.print(f"{head}  {stage.says}", soft_wrap=True)
        stamp.unlink(missing_ok=True)
        _begin(stage, before, console)
        began = time.monotonic()
        if callable(stage.command):
            stage.command()
        else:
            shown = shlex.join([Path(stage.command[0]).name, *stage.command[1:]])
            console.print(f"  $ {shown}", style="dim", markup=False, highlight=False, soft_wrap=True)
            _run(stage, run / "logs" / f"{stage.name}.log", console)
        missing = [str(path) for path in stage.makes if not path.exists()]
        if missing:
            raise UserError(f"stage {stage.name} ended without writing {', '.join(missing)}")
        seconds[stage.name] = round(time.monotonic() - began, 1)
        made = _digest(path for path in stage.makes if path.is_file())
        files.write_json(stamp, {"fingerprint": before, "made": made, "seconds": seconds[stage.name]})
        before = _after(before, made)
        console.print(f"  done in {seconds[stage.name]:.0f} s")
    return seconds


def _done(stamp: Path, fingerprint: str, stage: Stage) -> bool:
    if not stamp.exists() or not all(path.exists() for path in stage.makes):
        return False
    try:
        stamped = files.read_json(stamp)
        made = _digest(path for path in stage.makes if path.is_file())
        return stamped["fingerprint"] == fingerprint and stamped["made"] == made
    except (UserError, KeyError):
        return False


def _begin(stage: Stage, fingerprint: str, console: Console) -> None:
    for path in stage.resumes:
        mark, old = path.with_name(f".{path.name}.begun"), path.with_name(f"{path.name}.old")
        if path.exists() and not (mark.exists() and mark.read_text() == fingerprint):
            console.print(f"  {path} was begun from other inputs: moved to {old}", soft_wrap=True)
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
            path.rename(old)
        files.write_text(mark, fingerprint)


def _after(fingerprint: str, made: str) -> str:
    return hashlib.sha256(f"{fingerprint} {made}".encode()).hexdigest()


def _fingerprint(stage: Stage, before: str) -> str:
    command = repr(stage.command if isinstance(stage.command, list) else stage.name)
    read = [file for path in stage.reads for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return hashlib.sha256(f"{before} {command} {_digest(file for file in read if file.is_file())}".encode()).hexdigest()


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _run(stage: Stage, log: Path, console: Console) -> None:
    assert isinstance(stage.command, list)
    child = processes.start(stage.command, log, stage.env)
    try:
        _follow(stage, child, console)
    finally:
        processes.stop(child)
    if child.returncode:
        raise UserError(f"stage {stage.name} ended with code {child.returncode}. The end of {log}:\n{tail(log)}")


def _follow(stage: Stage, child: subprocess.Popen, console: Console) -> None:
    with progress_bar(console=console, transient=True) as progress:
        task = progress.add_task("  starting", total=None)
        while child.poll() is None:
            if stage.watch:
                done, total, words = stage.watch()
                progress.update(task, completed=done, total=total or None, description=f"  {words or 'starting'}")
            time.sleep(0.3)

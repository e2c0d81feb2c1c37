"""Stages are reused, run again when something changed, and survive the death of their runner at any moment."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from firsthand.errors import UserError
from firsthand.stages import Stage, run_stages


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def shell(name: str, script: str, **more) -> Stage:
    return Stage(name, ["bash", "-c", script], **more)


@pytest.fixture
def work(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def two(work: Path) -> list[Stage]:
    """`copy` reads `input` and makes `copied`; `count` adds a line to `counted` each time it runs."""
    return [
        shell("copy", "echo copy >> ran; cp input copied", reads=[work / "input"], makes=[work / "copied"]),
        shell("count", "echo count >> ran", reads=[work / "copied"]),
    ]


def run(work: Path, stages: list[Stage]) -> str:
    """What ran, in order, and forgets it."""
    (work / "ran").unlink(missing_ok=True)
    run_stages(work / "run", stages, Console(file=io.StringIO()))
    return (work / "ran").read_text().replace("\n", " ").strip() if (work / "ran").exists() else ""


def test_a_finished_stage_is_reused_and_keeps_its_seconds(work: Path) -> None:
    (work / "input").write_text("a")
    assert run(work, two(work)) == "copy count"
    text = io.StringIO()
    seconds = run_stages(work / "run", two(work), Console(file=text))
    assert not text.getvalue().count("$") and text.getvalue().count("reused") == 2
    assert seconds.keys() == {"copy", "count"} and all(value >= 0 for value in seconds.values())


@pytest.mark.parametrize(("change", "again"), [
    (lambda work: (work / "input").write_text("b"), "copy count"),
    (lambda work: (work / "copied").unlink(), "copy"),
    (lambda work: (work / "run/stages/copy.json").unlink(), "copy"),
    (lambda work: (work / "run/stages/count.json").write_text("{"), "count"),
    (lambda work: (work / "input").touch(), ""),
])  # fmt: skip
def test_a_change_runs_what_depends_on_it(work: Path, change, again: str) -> None:
    (work / "input").write_text("a")
    run(work, two(work))
    change(work)
    assert run(work, two(work)) == again
    assert run(work, two(work)) == ""


def test_what_another_run_wrote_over_is_made_again_and_what_depends_on_it_is_reused(work: Path) -> None:
    """Two runs may share a file, as the seeds of the demo share their rows."""
    (work / "input").write_text("a")
    run(work, two(work))
    (work / "copied").write_text("of another run")
    assert run(work, two(work)) == "copy"
    assert (work / "copied").read_text() == "a"


def test_what_is_made_anew_and_differs_runs_the_stages_behind_it_again(work: Path) -> None:
    """A training is not the same twice, and whoever asked the first model has not asked the second."""
    stages = [
        shell("train", "echo train >> ran; date +%N > model", makes=[work / "model"]),
        shell("ask", "echo ask >> ran"),
    ]
    assert run(work, stages) == "train ask"
    (work / "model").unlink()
    assert run(work, stages) == "train ask"


def resuming(work: Path, value: str, fails: bool = False) -> Stage:
    """Goes on with what is in its folder, as frameworks do with their checkpoints."""
    script = f"echo go >> ran; mkdir -p out; echo {value} >> out/steps; {'exit 3' if fails else 'true'}"
    return shell("learn", script, reads=[work / "input"], makes=[work / "out/steps"], resumes=[work / "out"])


def test_a_stage_goes_on_with_what_it_began_and_never_with_what_was_begun_from_other_inputs(work: Path) -> None:
    (work / "input").write_text("a")
    with pytest.raises(UserError):
        run(work, [resuming(work, "1", fails=True)])
    aside = run(work, [resuming(work, "2")])  # another command
    assert aside == "go" and (work / "out/steps").read_text() == "2\n" and (work / "out.old/steps").read_text() == "1\n"
    (work / "run/stages/learn.json").unlink()  # killed before its stamp
    assert run(work, [resuming(work, "2")]) == "go" and (work / "out/steps").read_text() == "2\n2\n"
    (work / "input").write_text("b")
    assert run(work, [resuming(work, "2")]) == "go" and (work / "out/steps").read_text() == "2\n"
    assert (work / "out.old/steps").read_text() == "2\n2\n"


def test_what_nobody_knows_the_inputs_of_is_moved_aside_not_lost(work: Path) -> None:
    (work / "input").write_text("a")
    (work / "out").mkdir()
    (work / "out/steps").write_text("by hand\n")
    assert run(work, [resuming(work, "1")]) == "go" and (work / "out/steps").read_text() == "1\n"
    assert (work / "out.old/steps").read_text() == "by hand\n"


def test_another_command_runs_the_stages_behind_it_again(work: Path) -> None:
    (work / "input").write_text("a")
    run(work, two(work))
    stages = two(work)
    stages[0].command = ["bash", "-c", "echo other >> ran; cp input copied"]
    assert run(work, stages) == "other count"


def test_a_folder_that_is_read_counts_with_all_its_files(work: Path) -> None:
    (work / "model/part").mkdir(parents=True)
    stage = shell("use", "echo use >> ran", reads=[work / "model"])
    assert run(work, [stage]) == "use"
    assert run(work, [stage]) == ""
    (work / "model/part/weights").write_text("1")
    assert run(work, [stage]) == "use"


def test_a_failing_stage_shows_the_end_of_its_log_and_is_not_done(work: Path) -> None:
    (work / "input").write_text("a")
    broken = [shell("bad", "seq 1 50; echo 'no such model' >&2; exit 3"), *two(work)]
    with pytest.raises(UserError) as raised:
        run(work, broken)
    message = str(raised.value)
    assert "stage bad ended with code 3" in message and "run/logs/bad.log" in message
    assert message.endswith("49\n50\nno such model") and "\n1\n" not in message
    assert not (work / "ran").exists()
    assert run(work, [shell("bad", "true"), *two(work)]) == "copy count"


def test_a_stage_that_makes_nothing_is_an_error(work: Path) -> None:
    with pytest.raises(UserError, match=r"stage lazy ended without writing .*model"):
        run(work, [shell("lazy", "true", makes=[work / "model"])])


def test_what_a_stage_leaves_running_ends_with_it(work: Path) -> None:
    run(work, [shell("server", "sleep 1000 & echo $! > pid")])
    until(lambda: gone(work / "pid"))


def gone(pid_file: Path) -> bool:
    """No such process, or one that only waits to be collected."""
    try:
        stat = Path(f"/proc/{pid_file.read_text().strip()}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


RUNNER = """
    import signal, sys
    from pathlib import Path
    from rich.console import Console
    from firsthand import files
    from firsthand.stages import Stage, run_stages

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    script = "echo slow >> ran; echo $$ > pid.part; mv pid.part pid; [ -e go ] || exec sleep 1000; touch made"
    stages = [
        Stage("first", ["bash", "-c", "echo first >> ran"]),
        Stage("slow", ["bash", "-c", script], makes=[Path("made")]),
        Stage("last", ["bash", "-c", "echo last >> ran"]),
    ]
    with files.alone(Path("run"), "demo"):
        run_stages(Path("run"), stages, Console())
"""


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_runner_takes_its_stage_along_and_the_next_one_goes_on(work: Path, sig: signal.Signals) -> None:
    command = [sys.executable, "-c", textwrap.dedent(RUNNER)]
    runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((work / "pid").exists)
    assert not gone(work / "pid")
    os.kill(runner.pid, sig)
    assert runner.wait(timeout=120) != 0
    until(lambda: gone(work / "pid"))
    assert not (work / "run/stages/slow.json").exists()

    (work / "go").touch()
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "first  reused" in again.stdout
    assert (work / "ran").read_text().split() == ["first", "slow", "slow", "last"]

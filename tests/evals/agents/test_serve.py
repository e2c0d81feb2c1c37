"""launch/serve_ego_r1.sh: the command that it promises, and two servers that end together."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LAUNCHER = "launch/serve_ego_r1.sh"


@pytest.fixture
def launcher(tmp_path: Path):
    """The launchers in a repository of their own, whose environment has stand-ins that write down how they ended."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/tools.yaml").touch()
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("vllm", "firsthand"):
        program = programs / name
        program.write_text(
            f'#!/bin/bash\necho "{name} $*" >> started; trap "echo {name} >> ended; exit 0" TERM\n'
            f"while [ ! -e stop_{name} ]; do sleep 0.05; done; exit 3\n"
        )
        program.chmod(0o755)
    (tmp_path / "nvidia-smi").write_text("#!/bin/bash\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    (tmp_path / "launch").mkdir()
    for name in ("common.sh", "serve.sh", "tools.sh", "serve_ego_r1.sh"):
        (tmp_path / "launch" / name).write_bytes((ROOT / "launch" / name).read_bytes())
        (tmp_path / "launch" / name).chmod(0o755)

    def start(*args: str, **env: str) -> subprocess.Popen:
        clean = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **env}
        return subprocess.Popen(
            [LAUNCHER, *args], cwd=tmp_path, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return start


def test_help_and_the_commands_of_a_dry_run(launcher) -> None:
    helped, _ = launcher("--help").communicate(timeout=60)
    assert f"{LAUNCHER} [--dry-run] MODEL [PORT]" in helped
    said, _ = launcher("--dry-run", "models/a", "8005", "--seed", "1", TOOLS="recipes/tools.yaml").communicate(
        timeout=60
    )
    tools, model = said.splitlines()
    assert tools.strip() == "firsthand tools serve recipes/tools.yaml --port 8001"
    assert model.strip() == (
        "vllm serve models/a --served-model-name a --host 127.0.0.1 --port 8005 --max-model-len auto "
        "--generation-config vllm --enable-auto-tool-choice --tool-call-parser hermes --seed 1"
    )


@pytest.mark.parametrize("how", ["the tools end", "the model ends", "a signal"])
def test_both_servers_end_together(launcher, tmp_path: Path, how: str) -> None:
    child = launcher("models/a", TOOLS="recipes/tools.yaml")
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").is_file() or len((tmp_path / "started").read_text().splitlines()) < 2:
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.05)
    if how == "a signal":
        child.send_signal(signal.SIGTERM)
    else:
        (tmp_path / {"the tools end": "stop_firsthand", "the model ends": "stop_vllm"}[how]).touch()
    child.wait(timeout=60)
    child.communicate()
    ended = set((tmp_path / "ended").read_text().split())
    assert ended == {"the tools end": {"vllm"}, "the model ends": {"firsthand"}}.get(how, {"vllm", "firsthand"})


def test_a_missing_tools_file_is_named_before_anything_starts(launcher, tmp_path: Path) -> None:
    child = launcher("models/a", TOOLS="recipes/none.yaml")
    _, error = child.communicate(timeout=60)
    assert child.returncode == 1 and "recipes/none.yaml: no such file" in error and not (tmp_path / "started").exists()

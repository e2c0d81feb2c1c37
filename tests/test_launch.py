"""The launchers print and run exactly the command that they promise, and hand on what is typed behind it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firsthand.serving import vllm_server

ROOT = Path(__file__).parents[1]
GRPO = ["python", "-m", "verl.trainer.main_ppo", "--config-dir", "recipes", "--config-name", "grpo_qwen3vl_choice"]
NOT_LAUNCHERS = ("setup.sh", "common.sh")
SCRIPTS = sorted(path.name for path in (ROOT / "launch").iterdir() if path.suffix in (".sh", ".sbatch"))
LAUNCHERS = [name for name in SCRIPTS if name not in NOT_LAUNCHERS]


@pytest.fixture
def launch(tmp_path: Path):
    """Runs a launcher with `fake` programs first on the PATH; each prints its own name and arguments, a line each."""

    def run(script: str, *args: str, fake: dict[str, str] | None = None, cwd: Path = ROOT, **env: str):
        for name, body in (fake or {}).items():
            program = tmp_path / name
            program.write_text(f"#!/bin/bash\n{body}\n")
            program.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "CUDA_", "DRY_"))}
        return subprocess.run(
            [ROOT / "launch" / script, *args], cwd=cwd, env=clean | {"PATH": path} | env, capture_output=True, text=True
        )

    return run


NO_GPU = {"nvidia-smi": "exit 9"}
GPU = {"nvidia-smi": "echo GPU 0"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_shell_accepts_it(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / "launch" / script], check=True)


@pytest.mark.parametrize("script", LAUNCHERS)
def test_usage(launch, script: str) -> None:
    asked, wrong = launch(script, "--help"), launch(script)
    assert asked.returncode == 0 and f"launch/{script} " in asked.stdout and "SBATCH" not in asked.stdout
    assert wrong.returncode == 2 and wrong.stderr == asked.stdout and wrong.stdout == ""


@pytest.mark.parametrize("script", ["sft.sh", "grpo.sh", "egoagent.sh", "slurm_grpo.sbatch"])
def test_a_missing_recipe_is_named(launch, script: str) -> None:
    done = launch(script, "--dry-run", "recipes/sft_qwen4.yaml")
    assert done.returncode == 1 and "recipes/sft_qwen4.yaml: no such recipe" in done.stderr and done.stdout == ""


def test_tools(launch) -> None:
    done = launch("tools.sh", "--dry-run", "recipes/sft_qwen3vl.yaml", "--calls", "9", PORT="8003")
    command = "firsthand tools serve recipes/sft_qwen3vl.yaml --port 8003 --calls 9"
    assert done.stdout.split() == command.split()


@pytest.mark.parametrize(("machine", "torchrun"), [(NO_GPU, []), (GPU, ["FORCE_TORCHRUN=1"])])
def test_sft(launch, machine, torchrun: list[str]) -> None:
    done = launch("sft.sh", "recipes/sft_qwen3vl.yaml", "seed=1", fake=machine, DRY_RUN="1")
    assert done.stdout.split() == [*torchrun, "llamafactory-cli", "train", "recipes/sft_qwen3vl.yaml", "seed=1"]


def test_hidden_gpus_are_no_gpus(launch) -> None:
    done = launch("sft.sh", "--dry-run", "recipes/sft_qwen3vl.yaml", fake=GPU, CUDA_VISIBLE_DEVICES="")
    assert "FORCE_TORCHRUN" not in done.stdout


def test_grpo_from_any_folder(launch) -> None:
    for cwd, recipe in (
        (ROOT, "recipes/grpo_qwen3vl_choice.yaml"),
        (ROOT / "docs", "../recipes/grpo_qwen3vl_choice.yaml"),
    ):
        done = launch("grpo.sh", "--dry-run", recipe, "trainer.nnodes=2", "data.seed=3", cwd=cwd)
        assert done.stdout.split() == [*GRPO, "trainer.nnodes=2", "data.seed=3"]


def test_a_recipe_of_a_folder_is_launched_from_the_root_which_its_search_path_is_relative_to(launch) -> None:
    for name in ("grpo", "grpo_paper", "grpo_qwen3vl", "ppo", "tiny_grpo"):
        done = launch("grpo.sh", "--dry-run", f"../recipes/ego_r1/{name}.yaml", "data.seed=3", cwd=ROOT / "docs")
        config = ["--config-dir", "recipes/ego_r1", "--config-name", name]
        assert done.stdout.split() == [*GRPO[:3], *config, "data.seed=3"], name


def test_it_runs_what_it_prints_with_arguments_unbroken(launch, tmp_path: Path) -> None:
    """The program is the one of the repository's environment where there is one."""
    repository = tmp_path / "repository"
    (repository / "recipes").mkdir(parents=True)
    (repository / "recipes/r.yaml").touch()
    (repository / ".venv/bin").mkdir(parents=True)
    for name in ("common.sh", "sft.sh"):
        (repository / "launch").mkdir(exist_ok=True)
        (repository / "launch" / name).write_text((ROOT / "launch" / name).read_text())
    program = repository / ".venv/bin/llamafactory-cli"
    program.write_text('#!/bin/bash\necho "$PWD"; echo "$FORCE_TORCHRUN"; printf "%s\\n" "$@"; exit 7\n')
    program.chmod(0o755)
    command = ["bash", repository / "launch/sft.sh", repository / "recipes/r.yaml", "output_dir=a b", "x=$HOME"]
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/bash\n")
    smi.chmod(0o755)
    done = subprocess.run(
        command, cwd="/", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [str(repository), "1", "train", "recipes/r.yaml", "output_dir=a b", "x=$HOME"]
    assert done.returncode == 7


def test_serve_types_what_the_demo_starts(launch, monkeypatch) -> None:
    monkeypatch.setattr(vllm_server, "on_gpu", lambda: False)
    extra = ["--max-model-len", "640"]
    environment = [f"{key}={value}" for key, value in vllm_server.CPU_ENV.items()]
    _, *command = vllm_server.serve_command("models/tiny", "tiny", 8000, None, extra)
    done = launch("serve.sh", "--dry-run", "models/tiny", *extra, fake=NO_GPU)
    assert done.stdout.split() == [*environment, "vllm", *command]


def test_serve_on_a_gpu_leaves_vllm_its_own_defaults(launch) -> None:
    done = launch("serve.sh", "--dry-run", "Qwen/Qwen3-VL-4B-Instruct", fake=GPU, PORT="9000", NAME="policy")
    name = ["--served-model-name", "policy"]
    place = ["--host", "127.0.0.1", "--port", "9000"]
    command = ["vllm", "serve", "Qwen/Qwen3-VL-4B-Instruct", *name, *place, "--max-model-len"]
    assert done.stdout.split() == [*command, "auto"], "a context of 262,144 tokens fits into no GPU of 24 GB"
    done = launch("serve.sh", "--dry-run", "m", "--max-model-len", "512", fake=GPU, LENGTH="4096")
    assert done.stdout.split()[-4:] == ["--max-model-len", "4096", "--max-model-len", "512"], "the last one wins"


def test_serve_for_egocross_has_the_longest_question_and_its_frames(launch) -> None:
    done = launch("serve_egocross.sh", "--dry-run", "m", "--seed", "1", fake=GPU, MEDIA="datasets/media")
    options = shlex.split(done.stdout)[-8:]
    assert options[:4] == ["--max-model-len", "32768", "--limit-mm-per-prompt", '{"image": 96}']
    assert options[4:] == ["--allowed-local-media-path", str(ROOT / "datasets/media"), "--seed", "1"]


SLURM = dict(SLURM_NNODES="3", SLURM_JOB_NODELIST="n[1-3]", SLURM_JOB_ID="54321", SLURM_GPUS_ON_NODE="4")
SCONTROL = {"scontrol": "printf 'n1\\nn2\\nn3\\n'"}
TOLD = 'printf "%s\\n" "$RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT" "$RAY_AUTH_MODE" "$RAY_AUTH_TOKEN" "$@"'
ON_THE_FIRST_NODE = 'while [ "$1" != -- ]; do shift; done; shift; "$@"; exit 1'  # as Ray ends after a success


@pytest.fixture
def submitted(launch, tmp_path: Path):
    """Runs the job as Slurm does: a copy of the script, from the folder of submission; returns the folder too."""
    folder = tmp_path / "repository"
    (folder / "launch").mkdir(parents=True)
    (folder / "recipes").mkdir()
    (folder / "recipes/grpo_qwen3vl_choice.yaml").touch()
    for name in ("common.sh", "grpo.sh"):
        shutil.copy(ROOT / "launch" / name, folder / "launch")
    copy = tmp_path / "slurm_script"
    shutil.copy(ROOT / "launch/slurm_grpo.sbatch", copy)

    def run(srun: str, python: str = "", *options: str, **env: str):
        fake = {**SCONTROL, "srun": srun, "python": python}
        recipe = "recipes/grpo_qwen3vl_choice.yaml"
        return launch(str(copy), *options, recipe, "data.seed=3", fake=fake, cwd=folder, **SLURM | env), folder

    return run


def test_slurm_starts_one_ray_cluster_and_grpo_on_its_first_node(launch, submitted) -> None:
    done, _ = submitted(TOLD)
    wait, mode, token, *srun = done.stdout.splitlines()
    assert (wait, mode) == ("600", "token") and re.fullmatch("[0-9a-f]{64}", token)
    assert srun[:5] == ["--nodes=3", "--ntasks-per-node=1", "--cpu-bind=none", "ray", "symmetric-run"]
    ray, inner = srun[5 : srun.index("--")], srun[srun.index("env") :]
    assert ray == ["--address", "n1:24321", "--min-nodes", "3"]
    assert inner[:2] == ["env", "RAY_ADDRESS=n1:24321"]
    typed = launch(Path(inner[2]).name, "--dry-run", *inner[3:])
    assert typed.stdout.split() == [*GRPO, "trainer.nnodes=3", "trainer.n_gpus_per_node=4", "data.seed=3"]


def test_every_job_has_its_own_ray_token_unless_one_is_given(submitted) -> None:
    tokens = [submitted(TOLD)[0].stdout.splitlines()[2] for _ in range(2)]
    assert tokens[0] != tokens[1]
    done, _ = submitted(TOLD, RAY_AUTH_TOKEN="a" * 64)
    assert done.stdout.splitlines()[2] == "a" * 64


@pytest.mark.parametrize("code", [0, 7])
def test_a_slurm_job_ends_with_the_code_of_its_training(submitted, code: int) -> None:
    """Not with that of `ray symmetric-run`, which is 1 here whatever happens."""
    done, folder = submitted(ON_THE_FIRST_NODE, f"exit {code}")
    assert done.returncode == code, done.stderr
    assert list((folder / "runs").iterdir()) == []


def test_a_slurm_job_whose_training_did_not_begin_has_failed(submitted) -> None:
    """Ray ends with 0 where it could not start; and an earlier attempt of the same job may have left its code."""
    _, folder = submitted("exit 0")
    (folder / "runs/.slurm-54321.code").write_text("0\n")
    done, _ = submitted("exit 0")
    assert done.returncode == 1 and "was not run to its end" in done.stderr


def test_a_dry_run_of_a_slurm_job_starts_nothing_and_shows_no_token(submitted) -> None:
    done, folder = submitted("exit 9", "exit 9", "--dry-run", RAY_AUTH_TOKEN="secret")
    assert done.returncode == 0 and done.stdout.split()[1] == "srun" and "secret" not in done.stdout
    assert not (folder / "runs").exists()


def test_egoagent_runs_alone_on_a_cpu_and_through_torchrun_on_gpus(launch) -> None:
    recipe = "recipes/egoagent/stage1_300m.yaml"
    train = ["firsthand", "egoagent", "train", recipe, "seed=1"]
    done = launch("egoagent.sh", "--dry-run", recipe, "seed=1", fake=NO_GPU)
    assert done.stdout.split() == train
    done = launch("egoagent.sh", "--dry-run", f"../{recipe}", "seed=1", fake=GPU, cwd=ROOT / "docs")
    assert done.stdout.split() == ["torchrun", "--standalone", "--nproc-per-node", "gpu", "--no-python", *train]
    several = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "n1", "NPROC": "8"}
    done = launch("egoagent.sh", "--dry-run", recipe, "seed=1", fake=GPU, **several)
    place = "--nnodes 2 --node-rank 1 --master-addr n1 --master-port 29500 --nproc-per-node 8 --no-python"
    assert done.stdout.split() == ["torchrun", *place.split(), *train]


def test_slurm_starts_egoagent_on_each_node_with_its_own_rank(launch, tmp_path: Path) -> None:
    """`srun` here shows what node 1 would run."""
    srun = 'while [[ $1 = --* ]]; do shift; done; DRY_RUN=1 SLURM_NODEID=1 exec "$@"'
    node = {**SCONTROL, "srun": srun, **GPU}
    recipe = "recipes/egoagent/stage2_300m.yaml"
    done = launch("slurm_egoagent.sbatch", recipe, "seed=1", fake=node, **SLURM)
    place = "--nnodes 3 --node-rank 1 --master-addr n1 --master-port 24321 --nproc-per-node 4 --no-python"
    assert done.stdout.split() == ["torchrun", *place.split(), "firsthand", "egoagent", "train", recipe, "seed=1"]


def test_ray_has_the_command_that_slurm_runs() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", "symmetric-run", "--help"], capture_output=True, text=True
    )
    if text.returncode and "No module named" in text.stderr:
        pytest.skip("ray is not installed")
    assert "--min-nodes" in text.stdout and "ENTRYPOINT_COMMAND" in text.stdout

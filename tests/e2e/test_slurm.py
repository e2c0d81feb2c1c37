"""The Slurm job on two machines that are network namespaces of this one: a real Ray cluster over both.

Only srun, scontrol and the training stand in. The home directory holds a token, as any run on one machine leaves it:
Ray starts its head node with it, and a job that says nothing of tokens has a cluster that nobody can join.
"""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
NODES = {"firsthand0": "10.213.77.1", "firsthand1": "10.213.77.2"}  # network namespace -> its address
# The same command on every node, which has processes and a /tmp/ray of its own; srun fails if one of them does.
SRUN = r"""
while [ "$1" != ray ]; do shift; done
mkdir -p /tmp/ray
for node in firsthand0 firsthand1; do
  ip netns exec $node unshare --mount --pid --fork --mount-proc --kill-child \
    bash -c 'mount -t tmpfs tmpfs /tmp/ray && exec "$@"' node "$@" &
done
failed=0
for child in $(jobs -p); do wait $child || failed=1; done
echo "srun: $failed"
exit $failed
"""
TRAINING = """
import ray
ray.init()
address = ray.remote(ray.util.get_node_ip_address)
alive = [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]
print("nodes:", *sorted(ray.get([address.options(resources={f"node:{name}": 0.01}).remote() for name in alive])))
"""


def do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def connect() -> None:
    first, second = NODES
    for node in NODES:
        do("ip", "netns", "add", node)
    do("ip", "link", "add", "eth9", "netns", first, "type", "veth", "peer", "name", "eth9", "netns", second)
    for node, address in NODES.items():
        do("ip", "-n", node, "address", "add", f"{address}/24", "dev", "eth9")
        for device in ("lo", "eth9"):
            do("ip", "-n", node, "link", "set", device, "up")
    do("unshare", "--mount", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs", "tmpfs", "/mnt")


@pytest.fixture
def machines() -> Iterator[None]:
    """Two network namespaces with a cable between them."""
    pytest.importorskip("ray")
    try:
        connect()
    except (OSError, subprocess.CalledProcessError) as error:
        why = f"it needs root, `ip` and `unshare`: {getattr(error, 'stderr', '') or error}"
        warnings.warn(f"THE SLURM JOB WAS NOT TESTED ON TWO NODES; {why}", stacklevel=1)
        pytest.skip(why)
    else:
        yield
    finally:
        for node in NODES if shutil.which("ip") else ():
            subprocess.run(["ip", "netns", "delete", node], capture_output=True)


def test_two_nodes_form_one_cluster_and_a_success_is_a_success(machines, tmp_path: Path) -> None:
    repository, home, bin = (tmp_path / name for name in ("repository", "home", "bin"))
    shutil.copytree(ROOT / "launch", repository / "launch")
    (repository / "recipes").mkdir()
    (repository / "recipes/r.yaml").touch()
    (home / ".ray").mkdir(parents=True)
    (home / ".ray/auth_token").write_text("ab" * 32)
    bin.mkdir()
    (tmp_path / "training.py").write_text(TRAINING)
    programs = {
        "srun": SRUN,
        "scontrol": "\n".join(f"echo {address}" for address in NODES.values()),
        "python": f'exec {sys.executable} {tmp_path}/training.py "$@"',
    }
    for name, body in programs.items():
        (bin / name).write_text(f"#!/bin/bash\n{body}\n")
        (bin / name).chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "RAY_"))}
    path = f"{bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    slurm = {"SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_ID": "54321"}
    command = ["bash", repository / "launch/slurm_grpo.sbatch", "recipes/r.yaml"]
    env = clean | slurm | {"PATH": path, "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, timeout=240)
    said = done.stdout + done.stderr
    assert f"nodes: {' '.join(NODES.values())}" in said, said
    assert done.returncode == 0, said

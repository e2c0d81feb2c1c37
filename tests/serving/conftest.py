"""A tiny base, an adapter of random weights with its merge, and a checkpoint in veRL's format with its merge."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firsthand import files
from firsthand.toy.tiny_models import models

LANGUAGE = r".*language_model.*\.(q_proj|down_proj)"
Made = tuple[Path, Path]  # adapter, merged


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Of a tiny model a second thread makes nothing faster, and the machine slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "base"
    models.build("qwen3_vl", out, ["which thing do i hold ? the cup the book"] * 4)
    return out


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    return _make


def _make(base: Path, out: Path, scale: float = 1.0, std: float = 0.1, targets: str = LANGUAGE) -> Made:
    """An adapter of random weights, and a bfloat16 merge that holds `scale` times of it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from firsthand.serving.weights import load_model

    torch.manual_seed(0)
    adapted = get_peft_model(load_model(base), LoraConfig(r=4, target_modules=targets))
    factors = [weight for name, weight in adapted.named_parameters() if "lora_B" in name]
    for factor in factors:
        torch.nn.init.normal_(factor, std=std)
    adapted.save_pretrained(out / "adapter")
    for factor in factors:
        factor.data *= scale
    save(adapted.merge_and_unload(), base, out / "merged")
    return out / "adapter", out / "merged"


def save(model: Any, base: Path, out: Path) -> None:
    import torch
    from transformers import AutoProcessor

    model.to(torch.bfloat16).save_pretrained(out)
    AutoProcessor.from_pretrained(base).save_pretrained(out)


@pytest.fixture(scope="session")
def good(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return _make(base, tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def edit() -> Callable[[Path, Callable[[dict], object]], None]:
    """Change the weights of a safetensors file, or of the model in a folder."""
    from safetensors.torch import load_file, save_file

    def edited(path: Path, change: Callable[[dict], object]) -> None:
        file = path / "model.safetensors" if path.is_dir() else path
        weights = load_file(file)
        change(weights)
        save_file(weights, file, {"format": "pt"})

    return edited


@pytest.fixture(scope="session")
def checkpoint(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of veRL on two ranks whose step 2 is base + noise, with its merge in global_step_2/merged."""
    import torch

    from firsthand.serving.weights import load_model

    run = tmp_path_factory.mktemp("verl") / "run"
    model = load_model(base)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "language_model" in name:
            weight.data += 0.05 * torch.randn_like(weight)
    write_shards(run / "global_step_2/actor", model.state_dict(), base)
    files.write_text(run / "latest_checkpointed_iteration.txt", "2")
    save(model, base, run / "global_step_2/merged")
    return run


@pytest.fixture(scope="session")
def shards() -> Callable[[Path, dict[str, Any], Path], None]:
    return write_shards


def write_shards(actor: Path, weights: dict[str, Any], base: Path) -> None:
    """What veRL's FSDP2 engine saves on two ranks: each parameter as a DTensor that is cut along its first side."""
    import torch
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard
    from torch.testing._internal.distributed.fake_pg import FakeStore
    from transformers import AutoConfig, AutoProcessor

    actor.mkdir(parents=True)
    for rank in range(2):
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=2)
        mesh = init_device_mesh("cpu", (2,), mesh_dim_names=("fsdp",))
        shard = {}
        for key, weight in weights.items():
            weight = weight.detach()
            half = (len(weight) + 1) // 2
            part = (weight[:half], weight[half:])[rank].clone()
            shard[key] = DTensor.from_local(
                part, mesh, [Shard(0)], run_check=False, shape=weight.shape, stride=weight.stride()
            )
        torch.save(shard, actor / f"model_world_size_2_rank_{rank}.pt")
        dist.destroy_process_group()
    files.write_json(actor / "fsdp_config.json", {"FSDP_version": 2, "world_size": 2})
    AutoConfig.from_pretrained(base).save_pretrained(actor / "huggingface")
    AutoProcessor.from_pretrained(base).save_pretrained(actor / "huggingface")

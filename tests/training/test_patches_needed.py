"""Each patch against the installed upstream: it is still needed, and it does what its docstring says.

A failure of the first test is good news: upstream has been repaired, the file can go.
"""

import importlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from firsthand.training import patches

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True, scope="module")
def on_cpu():
    torch = pytest.importorskip("torch")
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("the patches are for machines without an accelerator")
    pytest.importorskip("verl")


def upstream(name):
    module = importlib.import_module(patches.PATCHES[name])
    assert name in patches.applied, "the plugin of veRL did not install the patches"
    return module


@pytest.mark.parametrize("name", patches.QWEN3_5 | patches.SFT | patches.VERL | patches.VERL_ON_CPU)
def test_upstream_still_needs_it(name):
    upstream(name)
    assert patches.applied[name], (
        f"upstream no longer needs it: delete plugins/firsthand/training/patches/{name}.py and its line in PATCHES"
    )


@pytest.mark.parametrize(("name", "package", "error"), [
    ("torchvision_nms", "torchvision", "RuntimeError"),
    ("torchaudio_load_lib", "torchaudio", "OSError"),
    ("torchcodec_load_image_library", "torchcodec", "OSError"),
])  # fmt: skip
def test_the_wheel_still_needs_it(name, package, error):
    """Without the patch the import fails with an error that its users do not catch."""
    program = f"""
from firsthand.training import patches; patches.install([{name!r}])
try: import {package}
except ImportError: pass
print(patches.applied[{name!r}])"""
    if python(program).strip() == "False":
        pytest.skip(f"this {package} was built for the installed torch")
    failed = subprocess.run(
        [sys.executable, "-c", f"import {package}"], capture_output=True, text=True, env=_without_patches()
    )
    assert error in failed.stderr.splitlines()[-1], (
        f"upstream no longer needs it: delete plugins/firsthand/training/patches/{name}.py and its line in WHEELS"
    )


def python(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _without_patches():
    return {**os.environ, "FIRSTHAND_PATCHES": "off"}


def test_torchvision_resizes_and_torchaudio_imports():
    import torch
    from torchvision.transforms import functional

    importlib.import_module("torchaudio")
    assert functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape == (3, 4, 4)


def test_torchcodec_imports_or_is_an_import_error():
    try:
        importlib.import_module("torchcodec")
    except ImportError as error:
        assert "torchcodec" in str(error)


def test_the_process_group_of_a_worker_starts(monkeypatch):
    import torch

    distributed = upstream("verl_initialize_global_process_group_ray")
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DIST_INIT_METHOD", "tcp://127.0.0.1:0")
    distributed.initialize_global_process_group_ray(timeout_second=30)
    total = torch.ones(1)
    torch.distributed.all_reduce(total)
    assert total == 1
    torch.distributed.destroy_process_group()


def test_an_offloaded_model_is_not_pinned():
    assert upstream("verl_cpu_offload_policy").CPUOffloadPolicy(pin_memory=True).pin_memory is False


def test_a_run_that_goes_on_keeps_its_log(tmp_path, monkeypatch):
    tracking = upstream("verl_file_logger")
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    for step in (1, 2):
        logger = tracking.FileLogger("project", "experiment")
        logger.log({"loss": 0.5}, step)
        logger.finish()
    assert [line[:9] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == ['{"step":1', '{"step":2']


def test_vllm_has_a_version():
    upstream("vllm_distribution")
    assert version("vllm") == version("vllm-cpu").removesuffix("+cpu") + "+cpu"


def test_a_linear_layer_keeps_its_weight_and_follows_it():
    import torch

    utils = upstream("vllm_dispatch_cpu_unquantized_gemm")
    layer = torch.nn.Linear(64, 32, bias=False)
    utils.dispatch_cpu_unquantized_gemm(layer, remove_weight=True)
    x = torch.randn(3, 64)
    for _ in range(2):  # also after an update of the weight
        torch.nn.init.normal_(layer.weight)
        assert torch.equal(utils.cpu_unquantized_gemm(layer, x, layer.weight), x @ layer.weight.T)


def test_one_logsumexp_is_the_logsumexp_of_each_row():
    import torch

    functional = upstream("verl_logprobs_from_logits_v2")
    logits, labels = torch.randn(6, 11, dtype=torch.float64), torch.randint(0, 11, (6,))
    expected = functional.logprobs_from_logits_naive(logits, labels)
    assert torch.allclose(functional.logprobs_from_logits_v2(logits, labels), expected)


@pytest.mark.parametrize("attention", ["sdpa", "flash_attention_2"])
def test_a_critic_has_the_attention_of_its_recipe(attention):
    import torch
    from verl.workers.config import HFModelConfig

    folder = str(Path(__file__).parents[2] / "models/tiny_qwen2_5")
    config = HFModelConfig(path=folder, override_config={"attn_implementation": attention}).hf_config
    load = upstream("verl_load_valuehead_model").load_valuehead_model
    if attention == "sdpa":
        assert load(folder, torch.float32, config, False).config._attn_implementation == "sdpa"
    else:
        with pytest.raises(ImportError, match="FlashAttention2"):
            load(folder, torch.float32, config, False)


@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("begun", [False, True], ids=["from nothing", "from a state"])
def test_the_delta_rule_in_chunks_is_that_of_one_token_after_the_other(tokens, begun):
    import torch

    modeling = upstream("transformers_gated_delta_rule")
    draw = torch.Generator().manual_seed(tokens)
    query, key, value = (torch.randn(2, tokens, 3, width, generator=draw) for width in (16, 16, 8))
    g, beta = -torch.rand(2, tokens, 3, generator=draw), torch.rand(2, tokens, 3, generator=draw)
    state = torch.randn(2, 3, 16, 8, generator=draw) if begun else None
    rest = {"g": g, "beta": beta, "initial_state": state, "output_final_state": True, "use_qk_l2norm_in_kernel": True}
    made, left = modeling.torch_chunk_gated_delta_rule(query, key, value, **rest)
    expected, last = modeling.torch_recurrent_gated_delta_rule(query, key, value, **rest)
    assert made.dtype == value.dtype and torch.allclose(made, expected, atol=1e-5)
    assert torch.allclose(left, last, atol=1e-5)
    assert modeling.torch_chunk_gated_delta_rule(query, key, value, **rest | {"output_final_state": False})[1] is None


def test_saving_leaves_the_vision_tower_of_qwen3_5_its_name():
    mapping = upstream("transformers_qwen3_5_names").get_checkpoint_conversion_mapping("qwen3_5_text")
    for name, saved in {
        "model.visual.blocks.0.norm1.weight": "model.visual.blocks.0.norm1.weight",
        "model.language_model.norm.weight": "model.language_model.norm.weight",
        "model.norm.weight": "model.language_model.norm.weight",  # of a text model
    }.items():
        for entry in mapping:
            name = entry.reverse_transform().rename_source_key(name)[0]
        assert name == saved


def test_the_same_fields_are_the_same_typed_dict_and_are_still_validated():
    processing = upstream("transformers_merge_kwargs")
    one, other, third = (
        processing.TypedDict("merged", fields, total=False) for fields in ({"a": int}, {"a": int}, {"a": str})
    )
    assert one is other and one is not third
    with pytest.raises(Exception, match="expected int"):
        processing.validate_typed_dict(one, {"a": "text"})


def test_the_platform_is_the_cpu_and_complete():
    import torch
    from verl.plugin.platform import get_platform
    from verl.utils.device import get_device_id, get_torch_device

    platform, device = get_platform(), get_torch_device()
    assert (platform.device_name, platform.ray_resource_name(), platform.is_ipc_supported()) == ("cpu", "GPU", False)
    assert torch.zeros(1, device=get_device_id()).device.type == "cpu"
    assert device.max_memory_allocated() > 2**20 and device.get_device_name() == "CPU"
    assert platform.rollout_env_vars()["VLLM_CPU_KVCACHE_SPACE"]


def test_the_command_vllm_still_needs_the_name_of_its_wheel():
    vllm = [str(Path(sys.executable).with_name("vllm")), "--version"]
    patched = subprocess.run(vllm, capture_output=True, text=True)
    assert patched.returncode == 0, patched.stderr
    failed = subprocess.run(vllm, capture_output=True, text=True, env=_without_patches())
    assert failed.returncode != 0, "upstream no longer needs it: delete patches/vllm_cli_main.py and its line in WHEELS"


def test_runs_of_one_machine_have_sockets_of_their_own(monkeypatch):
    """Each starts a Ray, and the first job of every Ray has the same id."""
    import ray

    from firsthand.training.patches.verl_vllm_sockets import run_id

    def of(address):
        context = SimpleNamespace(get_job_id=lambda: "01000000", gcs_address=address)
        monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
        return run_id()

    assert of("10.0.0.1:6379") != of("10.0.0.1:6380")
    assert of("10.0.0.1:6379") == of("10.0.0.1:6379") and not {":", "/"} & set(of("10.0.0.1:6379"))

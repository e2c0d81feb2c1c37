"""The entry points decide right: everything on a machine without an accelerator, nothing at all on any other."""

import importlib
import os
import sys
from types import ModuleType

import pytest

PLUGIN = "firsthand.training.verl_plugin"


@pytest.fixture
def load(monkeypatch):
    """Load the plugin as `import verl` does, with veRL itself left out; returns what it changed."""
    torch = pytest.importorskip("torch")
    patches = importlib.import_module("firsthand.training.patches")
    installed = []
    monkeypatch.setattr(patches, "install", lambda names=None: installed.append(names))

    def call(accelerator=None, **environment):
        platform = ModuleType("firsthand.training.cpu_platform")
        monkeypatch.setitem(sys.modules, platform.__name__, platform)
        monkeypatch.setattr("firsthand.training.cpu_platform", platform, raising=False)
        monkeypatch.delitem(sys.modules, PLUGIN, raising=False)
        device = accelerator and torch.device(accelerator)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: device)
        monkeypatch.setattr(os, "environ", dict(environment))
        importlib.import_module(PLUGIN)
        return {name: value for name, value in os.environ.items() if environment.get(name) != value}, len(installed)

    yield call
    sys.modules.pop(PLUGIN, None)


@pytest.mark.parametrize("accelerator", ["cuda", "xpu", "mps"])
def test_with_an_accelerator_nothing_changes(load, accelerator):
    assert load(accelerator) == ({}, 0)


@pytest.mark.parametrize("platform", ["nvidia", "huawei", "amd"])
def test_with_another_platform_asked_for_nothing_changes(load, platform):
    assert load(VERL_PLATFORM=platform) == ({}, 0)


def test_without_an_accelerator_the_cpu_is_the_platform(load):
    changed, installed = load()
    assert changed["VERL_PLATFORM"] == "cpu" and installed == 1


def test_what_the_user_has_set_stays(load):
    changed, _ = load(VERL_PLATFORM="CPU", TORCHDYNAMO_DISABLE="0")
    assert {"VERL_PLATFORM", "TORCHDYNAMO_DISABLE"}.isdisjoint(changed)


def test_a_plugin_that_fails_says_so(load, monkeypatch, caplog):
    patches = importlib.import_module("firsthand.training.patches")
    monkeypatch.setattr(patches, "install", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load()
    assert "CPU platform" in caplog.text


def test_a_recipe_can_ask_for_the_patches_that_every_machine_needs(monkeypatch):
    from firsthand.training import patches

    installed = []
    monkeypatch.setattr(patches, "install", installed.append)
    monkeypatch.delitem(sys.modules, "firsthand.training.video_prompts", raising=False)
    importlib.import_module("firsthand.training.video_prompts")
    assert installed == [patches.QWEN3_5 | patches.VERL]
    assert {"transformers_merge_kwargs", "verl_load_valuehead_model"} <= patches.VERL.keys()
    assert "verl_logprobs_from_logits_v2" not in patches.VERL, "in bfloat16 it would be worse than upstream"


@pytest.mark.parametrize(("platform", "count"), [("cpu", 1), ("nvidia", 0), (None, 0)])
def test_vllm_is_patched_only_as_a_rollout_engine_on_the_cpu(monkeypatch, platform, count):
    from firsthand.training import patches as patches
    from firsthand.training import vllm_plugin

    installed = []
    monkeypatch.setattr(patches, "install", lambda: installed.append(True))
    monkeypatch.setattr(os, "environ", {} if platform is None else {"VERL_PLATFORM": platform})
    vllm_plugin.register()
    assert len(installed) == count

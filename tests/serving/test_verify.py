"""A merge is accepted when it is base + adapter and in no other case; what is wrong is named."""

import shutil
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving.export import export, read_recipe
from firsthand.serving.verify import verify

KEY = "model.language_model.layers.1.self_attn.q_proj.weight"


Made = tuple[Path, Path]  # adapter, merged


@pytest.fixture
def merged(good: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good[1], tmp_path / "merged"))


def failed(checks: list[Finding]) -> dict[str, str]:
    return {check.rule: f"{check.message}; {check.fix}" for check in checks if check.level == "error"}


def named(checks: list[Finding], name: str) -> str:
    [check] = [check for check in checks if check.rule == name]
    return check.message


def test_a_good_merge_passes(base: Path, good: Made) -> None:
    checks = verify(base, *good)
    assert failed(checks) == {}
    assert named(checks, "vision tower") == "the adapter changes the language model only"
    assert {"keys", "adapter in the weights", "logits, image", "logits, video"} <= {check.rule for check in checks}


@pytest.mark.parametrize("std", [0.1, 0.002], ids=["trained", "hardly trained"])
@pytest.mark.parametrize(("scale", "share"), [(0.0, "0.00 in model"), (2.0, "2.00 in model")], ids=["lost", "doubled"])
def test_a_lost_or_doubled_adapter(base: Path, tmp_path: Path, scale: float, share: str, std: float, make) -> None:
    wrong = failed(verify(base, *make(base, tmp_path, scale, std)))
    assert share in wrong["adapter in the weights"] and "q_proj.weight" in wrong["adapter in the weights"]
    if std == 0.1:
        assert "export again" in wrong["logits, image"] and "export again" in wrong["logits, video"]


def test_an_adapter_that_is_lost_in_one_weight(base: Path, good: Made, merged: Path, edit) -> None:
    from safetensors.torch import load_file

    before = load_file(base / "model.safetensors")[KEY]
    edit(merged, lambda weights: weights.update({KEY: before}))
    assert f"is 0.00 in {KEY} (" in failed(verify(base, good[0], merged))["adapter in the weights"]


def test_an_adapter_that_bfloat16_rounds_away(base: Path, tmp_path: Path, make) -> None:
    wrong = failed(verify(base, *make(base, tmp_path, std=1e-5)))
    assert "infer_dtype: float32" in wrong["adapter in the weights"]


def test_an_untrained_adapter_is_nothing_to_lose(base: Path, tmp_path: Path, make) -> None:
    checks = verify(base, *make(base, tmp_path, std=0.0))
    assert failed(checks) == {}
    assert named(checks, "adapter in the weights") == "found in 0 weights; 8 are untrained or DoRA and not compared"


@pytest.mark.parametrize(("change", "message"), [
    (lambda weights: weights.pop(KEY), f"missing {KEY}"),
    (lambda weights: weights.update(other=weights[KEY].clone()), "unknown other"),
    (lambda weights: weights.update({KEY: weights[KEY][:-1].clone()}), f"{KEY}: (128, 128) became (127, 128)"),
], ids=["missing", "unknown", "reshaped"])  # fmt: skip
def test_wrong_keys_and_shapes_are_named(base: Path, good: Made, merged: Path, change, message: str, edit) -> None:
    edit(merged, change)
    wrong = failed(verify(base, good[0], merged))
    assert wrong.keys() == {"keys"} and wrong["keys"].startswith(message)


def test_a_truncated_file_is_named(base: Path, good: Made, merged: Path) -> None:
    file = merged / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"merged/model\.safetensors: not a readable safetensors file"):
        verify(base, good[0], merged)
    file.unlink()
    with pytest.raises(UserError, match=r"merged: no \.safetensors file"):
        verify(base, good[0], merged)


def test_a_folder_that_is_none_is_named(base: Path, good: Made, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"base model: .*nowhere is neither a folder"):
        verify(tmp_path / "nowhere", *good)


@pytest.mark.parametrize("name", ["chat_template.jinja", "processor_config.json"])
def test_a_changed_file_of_the_processor_is_restored(base: Path, good: Made, merged: Path, name: str) -> None:
    verify(base, good[0], merged)
    original = (base / name).read_text()
    assert (merged / name).read_text() == original
    changed = original.replace("<|im_start|>", "<|im_begin|>").replace('"shortest_edge": 1024', '"shortest_edge": 64')
    (merged / name).write_text(changed)
    assert changed != original
    assert named(verify(base, good[0], merged), name) == "differed from the base: restored"
    assert (merged / name).read_text() == original


def test_added_tokens_are_kept_unless_the_embedding_has_no_row_for_them(base: Path, good: Made, merged: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged)
    tokenizer.add_tokens(["<hands>"])
    tokenizer.save_pretrained(merged)
    checks = verify(base, good[0], merged)
    assert failed(checks) == {} and "add_tokens" in named(checks, "tokenizer.json")
    template = (base / "chat_template.jinja").read_text().replace("<|im_start|>", "<hands><|im_start|>")
    for folder in (base, merged):
        (folder / "chat_template.jinja").write_text(template)
    try:
        assert "resize_vocab: true" in failed(verify(base, good[0], merged))["token ids"]
    finally:
        (base / "chat_template.jinja").write_text(template.replace("<hands>", ""))


def test_an_adapter_on_the_vision_tower_is_told(base: Path, tmp_path: Path, make) -> None:
    checks = verify(base, *make(base, tmp_path, targets=r".*visual\.blocks.*\.qkv"))
    assert failed(checks) == {}
    told = named(checks, "vision tower")
    assert "reached 6 tensors of it (base_model.model.model.visual.blocks.0.attn.qkv.lora_A.weight" in told
    assert "serve the merged model" in told and "freeze_vision_tower: true" in told


def test_a_recipe_names_what_is_verified(base: Path, good: Made, merged: Path, tmp_path: Path, capsys, edit) -> None:
    recipe = tmp_path / "merge.yaml"
    recipe.write_text(f"model_name_or_path: {base}\nadapter_name_or_path: {good[0]}\n")
    with pytest.raises(UserError, match=r"merge\.yaml: export_dir is missing"):
        read_recipe(recipe, [])
    with pytest.raises(UserError, match="write it as key=value"):
        read_recipe(recipe, ["export_dir"])
    export(recipe, [f"export_dir={merged}"], run=False)
    assert " error " not in capsys.readouterr().out
    edit(merged, lambda weights: weights.pop(KEY))
    with pytest.raises(UserError, match=r"failed verification \(keys\): do not train on it or serve it"):
        export(recipe, [f"export_dir={merged}"], run=False)
    assert "  error   keys: missing" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "\xff", ""])
def test_a_recipe_that_is_none_is_an_error_without_a_traceback(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "merge.yaml"
    recipe.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"merge\.yaml: "):
        read_recipe(recipe, ["export_dir=x"])

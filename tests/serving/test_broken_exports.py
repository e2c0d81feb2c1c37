"""Whatever is broken in a base, an adapter or a merge: one message that names it and the fix, and exit code 1."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app

KEY = "model.language_model.layers.1.self_attn.q_proj.weight"
FACTOR = "base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_A.weight"


@pytest.fixture
def room(base: Path, good: tuple[Path, Path], tmp_path: Path, edit) -> SimpleNamespace:
    """Copies of the three folders, a recipe that names them, and what damages them."""
    folders = {"base": base, "adapter": good[0], "merged": good[1]}
    copies = {name: Path(shutil.copytree(folder, tmp_path / name)) for name, folder in folders.items()}
    lines = [f"{key}_name_or_path: {copies[name]}" for key, name in (("model", "base"), ("adapter", "adapter"))]
    files.write_text(tmp_path / "merge.yaml", "\n".join([*lines, f"export_dir: {copies['merged']}"]))
    return SimpleNamespace(**copies, recipe=tmp_path / "merge.yaml", edit=edit, root=tmp_path)


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["export", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, re.sub(r"\s+", " ", done.output)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def adapter_weights(room: SimpleNamespace) -> Path:
    return room.adapter / "adapter_model.safetensors"


def change_json(file: Path, change: Callable[[dict], object]) -> None:
    content = files.read_json(file)
    change(content)
    files.write_json(file, content)


def sharded(room: SimpleNamespace, keep: bool = False) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(room.merged / "model.safetensors")
    names = {key: f"model-0000{1 + (key == KEY)}-of-00002.safetensors" for key in weights}
    for name in set(names.values()):
        save_file({key: weights[key] for key in weights if names[key] == name}, room.merged / name, {"format": "pt"})
    files.write_json(room.merged / "model.safetensors.index.json", {"metadata": {}, "weight_map": names})
    (room.merged / "model.safetensors").unlink()
    if not keep:
        (room.merged / names[KEY]).unlink()


def trained_on_another(room: SimpleNamespace) -> None:
    other = shutil.copytree(room.base, room.root / "other")
    room.edit(other, lambda weights: weights[KEY].add_(1.0))
    change_json(room.adapter / "adapter_config.json", lambda c: c.update(base_model_name_or_path=str(other)))


def swap_two_ids(room: SimpleNamespace) -> None:
    def swap(content: dict) -> None:
        vocab = content["model"]["vocab"]
        vocab["a"], vocab["b"] = vocab["b"], vocab["a"]

    change_json(room.merged / "tokenizer.json", swap)


def poison(value: float) -> Callable[[dict], object]:
    def change(weights: dict) -> None:
        weights[next(key for key in (KEY, FACTOR) if key in weights)][0, 0] = value

    return change


Damage = Callable[[SimpleNamespace], object]
BROKEN: dict[str, tuple[Damage, str]] = {
    "a shard of the merge is missing": (
        sharded,
        rf"merged/model-00002-of-00002.safetensors: the shard is missing, it holds {KEY}; run the export again",
    ),
    "the merge is truncated": (
        lambda r: cut(r.merged / "model.safetensors"),
        r"merged/model.safetensors: not a readable .* run the export again",
    ),
    "the merge is empty": (
        lambda r: files.write_text(r.merged / "model.safetensors", ""),
        r"merged/model.safetensors: not a readable",
    ),
    "the merge has no weights": (lambda r: (r.merged / "model.safetensors").unlink(), r"merged: no .safetensors file"),
    "the merge is not there": (
        lambda r: shutil.rmtree(r.merged),
        r"merged model: .*merged is not a folder; export first",
    ),
    "the merge has no config": (
        lambda r: (r.merged / "config.json").unlink(),
        r"merged: the model cannot be loaded: .*config.json",
    ),
    "the config of the merge is cut": (
        lambda r: cut(r.merged / "config.json"),
        r"merged: the model cannot be loaded: .*make the folder again",
    ),
    "the config asks for a layer too many": (
        lambda r: change_json(r.merged / "config.json", lambda c: c["text_config"].update(num_hidden_layers=5)),
        r"no file holds model.language_model.layers.4",
    ),
    "a weight is NaN": (
        lambda r: r.edit(r.merged, poison(float("nan"))),
        rf"error numbers: NaN or infinite: {KEY} fix: export again",
    ),
    "a weight became an integer": (
        lambda r: r.edit(r.merged, lambda w: w.update({KEY: w[KEY].char()})),
        rf"error types: {KEY}: BF16 became I8 fix: merge unq",
    ),
    "a base of another size": (
        lambda r: r.edit(r.base, lambda w: w.update({KEY.replace("q_proj", "o_proj"): w[KEY][:64].clone()})),
        r"error keys: .*o_proj.weight: \(64, 128\) became \(128, 128\) fix: see that it is the base of this model",
    ),
    "the base is not there": (
        lambda r: shutil.rmtree(r.base),
        r"base model: .*base is neither a folder nor a model in the local cache",
    ),
    "the base has no config": (
        lambda r: (r.base / "config.json").unlink(),
        r"base: its config.json cannot be read: .*download the base again",
    ),
    "the base is truncated": (
        lambda r: cut(r.base / "model.safetensors"),
        r"base/model.safetensors: not a readable .* download the base again",
    ),
    "the tokenizer of the base is cut": (
        lambda r: cut(r.base / "tokenizer.json"),
        r"base/tokenizer.json: not a readable tokenizer: .*download the base again",
    ),
    "a tokenizer of another vocabulary": (
        swap_two_ids,
        r"error tokenizer.json: token ids differ from the base: 'a' is \d+ and not \d+, 'b' is .*another model",
    ),
    "the processor is broken in the base too": (
        lambda r: list(map(cut, (r.base / "processor_config.json", r.merged / "processor_config.json"))),
        r"merged: its tokenizer, processor or chat template does not work: .*compare it with the base's",
    ),
    "the adapter is not there": (
        lambda r: shutil.rmtree(r.adapter),
        r"adapter: .*adapter is not a folder; correct adapter_name_or_path",
    ),
    "the adapter has no weights": (
        lambda r: adapter_weights(r).unlink(),
        r"adapter: no .safetensors file; .*save the adapter again",
    ),
    "the adapter is truncated": (
        lambda r: cut(adapter_weights(r)),
        r"adapter_model.safetensors: not a readable .*save the adapter again",
    ),
    "the adapter has no config": (
        lambda r: (r.adapter / "adapter_config.json").unlink(),
        r"adapter/adapter_config.json: no such file",
    ),
    "the config of the adapter is a list": (
        lambda r: files.write_json(r.adapter / "adapter_config.json", []),
        r"adapter_config.json: .*save the adapter again",
    ),
    "a factor is NaN": (
        lambda r: r.edit(adapter_weights(r), poison(float("inf"))),
        r"error numbers: .*layers.1.*lora_A.* diverged",
    ),
    "an adapter of a deeper model": (
        lambda r: r.edit(adapter_weights(r), lambda w: w.update({FACTOR.replace("1", "31"): w[FACTOR].clone()})),
        r"error adapter: .*the base has no model.language_model.layers.31.self_attn.q_proj.weight fix: .*another model",
    ),
    "an adapter of a wider model": (
        lambda r: r.edit(adapter_weights(r), lambda w: w.update({FACTOR: w[FACTOR].repeat(1, 2)})),
        r"error adapter: .*layers.1.self_attn.q_proj.lora_A.weight: made for 256 features, the base has 128",
    ),
    "no LoRA adapter": (
        lambda r: r.edit(
            adapter_weights(r),
            lambda w: [w.pop(key) for key in list(w) if key != FACTOR] and w.update(prompt=w.pop(FACTOR)),
        ),
        r"error adapter: .*holds no LoRA factors \(prompt\)",
    ),
    "an adapter trained on other weights of this size": (
        trained_on_another,
        rf"error trained on: .*other, and {KEY} differs in .* fix: write model_name_or_path: .*other",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_its_fix(room: SimpleNamespace, name: str) -> None:
    damage, message = BROKEN[name]
    damage(room)
    code, said = run("--check-only", room.recipe)
    assert code == 1 and re.search(message, said), said


def test_a_merge_that_cannot_be_right_is_not_begun(room: SimpleNamespace) -> None:
    shutil.rmtree(room.merged)
    room.edit(adapter_weights(room), lambda weights: weights.update({FACTOR: weights[FACTOR].repeat(1, 2)}))
    code, said = run(room.recipe)
    assert code == 1 and "made for 256 features" in said and not room.merged.exists()


def test_what_can_be_mended_is_mended(room: SimpleNamespace) -> None:
    """A merge in shards, without a template, with a broken tokenizer and a processor file that the base lacks."""
    sharded(room, keep=True)
    (room.merged / "chat_template.jinja").unlink()
    cut(room.merged / "tokenizer.json")
    files.write_json(room.merged / "preprocessor_config.json", {"size": {"longest_edge": 64}})
    code, said = run("--check-only", room.recipe)
    assert code == 0, said
    assert "chat_template.jinja: was missing: restored" in said and "tokenizer.json: differed from the base" in said
    assert "preprocessor_config.json: not in the base, whose other files do without: removed" in said
    names = ("chat_template.jinja", "tokenizer.json", "tokenizer_config.json", "processor_config.json")
    assert all((room.merged / name).read_bytes() == (room.base / name).read_bytes() for name in names)
    assert not (room.merged / "preprocessor_config.json").exists()


def test_a_template_that_only_the_export_has_is_kept(room: SimpleNamespace) -> None:
    (room.base / "chat_template.jinja").unlink()
    code, said = run("--check-only", room.recipe)
    assert code == 0 and "info chat template: the base has none: kept" in said, said
    assert (room.merged / "chat_template.jinja").exists()


def test_options_of_the_other_framework_are_refused(room: SimpleNamespace) -> None:
    code, said = run(room.recipe, "--out", room.root / "out")
    assert code == 1 and "write export_dir=DIR" in said

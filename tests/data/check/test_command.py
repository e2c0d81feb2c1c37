"""The commands as they are typed: messages, exit codes, JSON, recipes, decoding that goes on where it was."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.data.check import decode, run
from firsthand.data.check.ram import estimate
from firsthand.errors import UserError
from firsthand.media.limits import Limits
from firsthand.recipe import limits as recipe

from .conftest import Find, trained

ROOT = Path(__file__).parents[3]
ENTRY = {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"}}
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def firsthand(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["data", *map(str, words)], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_a_good_file_and_a_bad_one(find: Find, tmp_path: Path) -> None:
    find([trained()])
    code, said = firsthand("check", tmp_path / "rows.json", "--workers", 1)
    assert (code, "ok: error 0" in said) == (0, True)
    find([trained(), trained("<image>")])
    code, said = firsthand("check", tmp_path / "rows.json", "--workers", 1)
    assert code == 1
    assert "1 rows  placeholders and media differ in number (placeholders)" in said
    assert "row 2: 1 <image> in the text for 0 media" in said


def test_json(find: Find, tmp_path: Path) -> None:
    find([trained(), trained("<image>"), trained("<image>")])
    code, said = firsthand("check", tmp_path / "rows.json", "--json", "--rows", 1, "--workers", 1)
    report = json.loads(said)
    assert (code, report["ok"], report["rows"], report["form"]) == (1, False, 3, "llamafactory")
    [kind] = [kind for kind in report["kinds"] if kind["level"] == "error"]
    assert (kind["kind"], kind["rows"], len(kind["first"])) == ("placeholders", 2, 1)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (ENTRY, "turn 1 has the keys role, content, not `from` and `value`"),
        ({**ENTRY, "tags": TAGS}, "ok: error 0"),
        ({"file_name": "rows.json"}, "no column `instruction`"),
        ({"hf_hub_url": "a/b"}, "has no `file_name`"),
    ],
)
def test_a_registered_name(find: Find, tmp_path: Path, entry: dict, says: str) -> None:
    find([trained()])
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    for name in ("mine", tmp_path / "rows.json") if "file_name" in entry else ("mine",):
        code, said = firsthand("check", name, "--dataset-dir", tmp_path, "--workers", 1)
        assert says in said
        assert code == (0 if "ok" in says else 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "nothing"), "neither a file nor an entry"),
        (("check", "gone.json"), "no such file"),
        (("check", "{rows}", "--model", "models/none"), "no processor or tokenizer can be loaded"),
        (("check", "{rows}", "--model", "runs/none"), "there is no such folder"),
        (("check", "{rows}", "--recipe", "gone.yaml"), "gone.yaml"),
        (("check", "{rows}", "--recipe", "{rows}"), "a recipe of `llamafactory-cli train` or of veRL is needed"),
        (("check", "{odd}"), "neither LLaMA-Factory's"),
        (("check", "{empty}"), "no rows"),
        (("show", "{rows}", "1"), "whose prompt?"),
        (("leaks", "{rows}", "{rows}", "--ignore", "frames"), "the kinds are"),
    ],
)
def test_what_cannot_be_done(find: Find, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    paths = {name: tmp_path / f"{name}.json" for name in ("rows", "odd", "empty")}
    find([trained()])
    paths["odd"].write_text('[{"a": 1}]')
    paths["empty"].write_text("[]")
    code, said = firsthand(*(word.format(**paths) for word in words))
    assert code == 1
    assert says in said


def test_recipes() -> None:
    tuned = recipe.read(ROOT / "recipes/tiny_sft_qwen3vl_lora.yaml")
    assert tuned.limits == Limits((1024, 262144), (256, 65536), 2.0, 64, 512, "cutoff_len", 2, 1000)
    assert (tuned.root, tuned.dataset_dir, tuned.model) == (Path("datasets/toy"), Path(), "models/tiny_qwen3_vl")
    rl = recipe.read(ROOT / "recipes/tiny_grpo_qwen3vl_choice.yaml")
    assert (rl.limits.image, rl.limits.video) == (tuned.limits.image, tuned.limits.video)
    assert (rl.limits.tokens, rl.limits.key, rl.root) == (512, "data.max_prompt_length", Path("datasets/toy"))
    with pytest.raises(UserError, match="llamafactory export"):
        recipe.read(ROOT / "recipes/merge_qwen3vl_lora.yaml")


def decoded(find: Find, media: Path, cache: Path) -> dict[str, list[int]]:
    rows = [
        trained("<image>a", images=["photo0.png"]),
        trained("<video>b", videos=[["photo1.png", "photo2.png"]]),
        trained("<image>c", images=["cut.png"]),
    ]
    report = run.check(find(rows, root=media), None, decoded=decode.Decoded(cache))
    return {name: [row for row, _ in tally.first] for name, tally in report.kinds.items()}


def test_a_file_under_two_names_is_decoded_once(find: Find, media: Path, tmp_path: Path) -> None:
    rows = [trained(f"<image>{name}", images=[name]) for name in ("photo0.png", "./photo0.png")]
    store = decode.Decoded(tmp_path / "cache.sqlite")
    assert run.check(find(rows, root=media), None, decoded=store).ok
    assert store.database.execute("SELECT count(*) FROM decoded").fetchone() == (1,)


def test_decoding_goes_on_where_it_was(find: Find, media: Path, tmp_path: Path, monkeypatch) -> None:
    folder, seen, real = tmp_path / "media", list[str](), decode._image

    def watched(path: str) -> str:
        seen.append(Path(path).name)
        return real(path)

    shutil.copytree(media, folder)
    content = (folder / "photo3.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    monkeypatch.setattr(decode, "_image", watched)
    for _ in range(2):
        assert decoded(find, folder, tmp_path / "cache.sqlite") == {"media-corrupt": [3]}
    assert sorted(seen) == ["cut.png", "photo0.png", "photo1.png", "photo2.png"]
    shutil.copy(folder / "photo3.png", folder / "cut.png")
    assert decoded(find, folder, tmp_path / "cache.sqlite") == {}
    assert seen[4:] == ["cut.png"]


def test_a_video_that_breaks_in_the_middle(find: Find, media: Path, tmp_path: Path) -> None:
    content = bytearray((media / "clip.mp4").read_bytes())
    start = content.find(b"mdat") + 2000
    content[start : start + 8000] = bytes(8000)
    (tmp_path / "broken.mp4").write_bytes(content)
    source = find([trained("<video>a", videos=["broken.mp4"])], root=tmp_path)
    assert run.check(source, None).ok
    report = run.check(source, None, decoded=decode.Decoded(tmp_path / "cache.sqlite"))
    assert list(report.kinds) == ["media-corrupt"]


def test_memory_grows_with_what_is_kept() -> None:
    few = estimate(10_000, 20_000_000, 10**6, Limits(workers=1))
    assert estimate(10_000, 20_000_000, 10**6, Limits(workers=8)).peak == 8 * few.peak
    assert estimate(10_000, 20_000_000, 10**9, Limits(workers=1)).peak > few.peak
    assert estimate(10_000, 20_000_000, 10**6, Limits(workers=1, batch=100)).peak < few.peak
    assert estimate(10_000, 80_000_000, 10**6, Limits(workers=1)).disk == 4 * few.disk
    assert not estimate(10_000, 20_000_000, 10**6, Limits(workers=10_000)).fits


def test_budgets_of_a_recipe_without_ours_are_those_of_qwen_vl_utils(tmp_path: Path) -> None:
    from qwen_vl_utils import vision_process as theirs

    path = tmp_path / "recipe.yaml"
    path.write_text("actor_rollout_ref: {model: {path: Qwen/Qwen3-VL-4B-Instruct}}\ndata: {max_prompt_length: 9}\n")
    limits = recipe.read(path).limits
    assert limits.image == (theirs.IMAGE_MIN_TOKEN_NUM * 32**2, theirs.IMAGE_MAX_TOKEN_NUM * 32**2)
    assert limits.video == (theirs.VIDEO_MIN_TOKEN_NUM * 32**2, theirs.VIDEO_MAX_TOKEN_NUM * 32**2)


def test_a_limit_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    for value in ("many", "'4096'", "-1", "0", "1.5"):
        path.write_text(f"stage: sft\ncutoff_len: {value}\n")
        with pytest.raises(UserError, match=r"recipe\.yaml: cutoff_len: .* is not a positive integer"):
            recipe.read(path)
    path.write_text("stage: sft\nimage_min_pixels: 0\n")
    assert recipe.read(path).limits.image == (0, 768 * 768)

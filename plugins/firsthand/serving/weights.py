"""What a model folder holds. Whatever is broken in it becomes a message that names the file, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from firsthand import files
from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving.checks import failed, held, noted, some

INDEX = "model.safetensors.index.json"
TIED = {"lm_head.weight"}  # stored or not, as the library that saved the model likes
FLOATS = {"F32", "F16", "BF16"}
EXPORT_AGAIN = "run the export again"
DOWNLOAD_AGAIN = "download the base again"
Shapes = dict[str, tuple[int, ...]]  # name of a tensor -> its sides


class Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: str
    file: Path


@contextmanager
def naming(what: object, fix: str) -> Iterator[None]:
    """Whatever a library raises inside becomes one message about `what`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{what}: {type(error).__name__}: {reason}; {fix}") from None


def local_folder(name: str | Path, what: str) -> Path:
    """The folder itself, or the snapshot of a model that was downloaded before."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(name), local_files_only=True))
    except Exception:  # not an id, not in the cache, or an incomplete snapshot
        raise UserError(
            f"{what}: {name} is neither a folder nor a model in the local cache of the Hugging Face hub; "
            "verification needs its files: correct the path, or download it first"
        ) from None


def headers(folder: Path, fix: str = EXPORT_AGAIN) -> dict[str, Header]:
    """Name, shape and type of every tensor, without reading one."""
    found: dict[str, Header] = {}
    for file in _weight_files(folder, fix):
        with opened(file, fix) as handle:
            for key in handle.keys():  # noqa: SIM118
                part = handle.get_slice(key)
                found[key] = Header(tuple(part.get_shape()), part.get_dtype(), file)
    return found


@contextmanager
def opened(file: Path, fix: str = EXPORT_AGAIN) -> Iterator[Any]:
    from safetensors import safe_open

    with naming(f"{file}: not a readable safetensors file", fix), safe_open(file, "pt") as handle:
        yield handle


def _weight_files(folder: Path, fix: str) -> list[Path]:
    if (folder / "model.safetensors").exists() or not (folder / INDEX).exists():
        listed = sorted(folder.glob("*.safetensors"))
        if not listed:
            raise UserError(f"{folder}: no .safetensors file; was its writing interrupted? {fix}")
        return listed
    with naming(folder / INDEX, fix):
        owners = dict(files.read_json(folder / INDEX)["weight_map"])
        for key, name in owners.items():
            if not (folder / name).is_file():
                raise UserError(f"{folder / name}: the shard is missing, it holds {key}; {fix}")
    return [folder / name for name in sorted(set(owners.values()))]


def differences(before: Shapes, after: Shapes) -> list[str]:
    """Tensors that are missing, unknown or of another shape; a tied one may be there or not."""
    found = [f"missing {key}" for key in sorted(before.keys() - after.keys() - TIED)]
    found += [f"unknown {key}" for key in sorted(after.keys() - before.keys() - TIED)]
    common = sorted(before.keys() & after.keys())
    return found + [f"{key}: {before[key]} became {after[key]}" for key in common if before[key] != after[key]]


def same_keys(base: Path, merged: Path) -> list[Finding]:
    """Names, shapes and types against the base."""
    before, after = headers(base, DOWNLOAD_AGAIN), headers(merged)
    shapes = [{key: header.shape for key, header in part.items()} for part in (before, after)]
    if problems := differences(*shapes):
        fix = "see that it is the base of this model, then export again"
        return [failed("keys", some(problems, 5, "; "), fix)]
    checks = [held("keys", f"{len(after)} tensors, same names and shapes as the base")]
    common = sorted(before.keys() & after.keys())
    changed = [(key, before[key].dtype, after[key].dtype) for key in common if before[key].dtype != after[key].dtype]
    odd = some([f"{key}: {was} became {now}" for key, was, now in changed])
    if {kind for _, *kinds in changed for kind in kinds} - FLOATS:
        fix = "merge unquantised weights into the unquantised base, and quantise afterwards"
        checks.append(failed("types", odd, fix))
    elif changed:
        checks.append(noted("types", odd))
    return checks


def finite(folder: Path, fix: str) -> Finding:
    """No weight is NaN or infinite."""
    import torch

    bad = []
    for file in sorted({header.file for header in headers(folder).values()}):
        with opened(file) as handle:
            bad += [key for key in handle.keys() if not torch.isfinite(handle.get_tensor(key)).all()]  # noqa: SIM118
    if bad:
        return failed("numbers", f"NaN or infinite: {some(bad)}", fix)
    return held("numbers", "no weight is NaN or infinite")


def first_difference(a: Path, b: Path) -> str | None:
    """The first tensor in which two models differ."""
    import torch

    left, right = headers(a, DOWNLOAD_AGAIN), headers(b, DOWNLOAD_AGAIN)
    for key in sorted((left.keys() | right.keys()) - TIED):
        if key not in left or key not in right or left[key][:2] != right[key][:2]:
            return key
        with opened(left[key].file) as one, opened(right[key].file) as other:
            if not torch.equal(one.get_tensor(key), other.get_tensor(key)):
                return key
    return None


def load_model(folder: Path) -> Any:
    """The model in float32; a weight that no file holds is an error and not a random number."""
    import torch

    with naming(f"{folder}: the model cannot be loaded", "check its config.json and weights, or make the folder again"):
        model, info = _auto_class(folder).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if lost := sorted(info["missing_keys"]):
        raise UserError(f"{folder}: no file holds {some(lost)}, which its config.json asks for; make the folder again")
    return model.eval()


def parameter_shapes(folder: Path) -> Shapes:
    """What the class of the model calls its tensors, without loading one."""
    import torch
    from transformers import AutoConfig

    with naming(f"{folder}: its config.json cannot be read", DOWNLOAD_AGAIN), torch.device("meta"):
        model = _auto_class(folder).from_config(AutoConfig.from_pretrained(folder))
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def _auto_class(folder: Path) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder)
    return AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM

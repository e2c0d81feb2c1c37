"""Repairs a saved Qwen3.5 whose vision tower bears a name that nothing loads.

transformers saves it as `model.language_model.visual.*` where our patch of it is not at work
(`training/patches/transformers_qwen3_5_names.py`), as on a machine that did not install the patches. Released
checkpoints, transformers and vLLM have `model.visual.*`. Only names change: every weight keeps its bytes.
"""

import json
import shutil
from pathlib import Path

from firsthand import files
from firsthand.findings import Finding
from firsthand.serving.checks import held, noted
from firsthand.serving.weights import EXPORT_AGAIN, INDEX, headers, naming

WRONG, RIGHT = "model.language_model.visual.", "model.visual."


def repair(folder: Path) -> list[Finding]:
    found = headers(folder)
    wrong = [name for name in found if name.startswith(WRONG)]
    for file in sorted({found[name].file for name in wrong}):
        with naming(f"{file}: its names cannot be repaired", EXPORT_AGAIN):
            _rename(file)
    index = folder / INDEX
    if index.is_file() and WRONG in (text := files.read_text(index)):
        files.write_text(index, text.replace(f'"{WRONG}', f'"{RIGHT}'))
    if not wrong:
        return []
    detail = (
        f"{len(wrong)} weights of the vision tower were saved as {WRONG}*, which nothing loads: renamed to {RIGHT}*"
    )
    return [noted("names", f"{detail}, as in released checkpoints")]


def repair_alone(folder: Path) -> list[Finding]:
    """For a model without a base to compare it with: the output of a full fine-tuning."""
    return repair(folder) or [held("names", "no weight has a name that nothing loads")]


def _rename(file: Path) -> None:
    """Rewrites the head of a safetensors file; what follows it is copied."""
    with file.open("rb") as source:
        head = json.loads(source.read(int.from_bytes(source.read(8), "little")))
        renamed = {RIGHT + name.removeprefix(WRONG) if name.startswith(WRONG) else name: head[name] for name in head}
        written = json.dumps(renamed, separators=(",", ":")).encode()
        written += b" " * (-len(written) % 8)
        with files.replacing(file) as beside, beside.open("wb") as target:
            target.write(len(written).to_bytes(8, "little") + written)
            shutil.copyfileobj(source, target)

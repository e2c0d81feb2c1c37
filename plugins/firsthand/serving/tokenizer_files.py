"""Tokenizer, processor and chat template of an export: byte for byte the base's, restored where they differ.

Every program that saves a model rewrites these files in the form of its own version, and some lose a template or a
pixel budget. A model answers as it was trained only with the files that it was trained with.
"""

from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving.checks import failed, held, noted, some
from firsthand.serving.weights import DOWNLOAD_AGAIN, naming

ROLES = {
    "tokenizer": [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt",
    ],
    "processor": ["processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json"],
    "chat template": ["chat_template.jinja", "chat_template.json"],
}  # fmt: skip


def restore(base: Path, merged: Path) -> list[Finding]:
    checks = _vocabulary(base, merged)
    settled = {check.rule for check in checks}
    for role, names in ROLES.items():
        in_config = role == "chat template" and _template_in_config(base)
        if not in_config and not any((base / name).is_file() for name in names):
            if any((merged / name).exists() for name in names):
                checks.append(noted(role, "the base has none: kept"))
        elif f"{role}.json" not in settled:
            done = {name: _put_back(base / name, merged / name) for name in names}
            checks += [held(name, what) for name, what in done.items() if what]
    return checks or [held("tokenizer, processor, template", "as in the base")]


def _put_back(source: Path, target: Path) -> str:
    """What had to be done, in words."""
    wanted, found = (path.read_bytes() if path.is_file() else None for path in (source, target))
    if wanted == found:
        return ""
    if wanted is None:
        target.unlink()
        return "not in the base, whose other files do without: removed"
    files.write_bytes(target, wanted)
    return "was missing: restored from the base" if found is None else "differed from the base: restored"


def _template_in_config(base: Path) -> bool:
    config = base / "tokenizer_config.json"
    return config.is_file() and "chat_template" in files.read_json(config)


def _vocabulary(base: Path, merged: Path) -> list[Finding]:
    """Added tokens are kept. A known token with another id means that the model belongs to another tokenizer."""
    name = "tokenizer.json"
    if not (base / name).is_file():
        return []
    before = vocabulary(base)
    try:
        after = vocabulary(merged)
    except UserError:  # missing or broken: it is restored
        return []
    moved = [f"{token!r} is {after.get(token, 'missing')} and not {before[token]}" for token in sorted(before)
             if after.get(token) != before[token]]  # fmt: skip
    if moved:
        fix = "It is the tokenizer of another model: export from the base that the model was trained from, " \
              "or copy the base's tokenizer files into the export if only they are wrong"  # fmt: skip
        return [failed(name, f"token ids differ from the base: {some(moved)}", fix)]
    if added := sorted(after.keys() - before.keys()):
        return [noted(name, f"has tokens that the base lacks (add_tokens): {some(added)}: kept")]
    return []


def vocabulary(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    with naming(f"{file}: not a readable tokenizer", DOWNLOAD_AGAIN):
        return Tokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)

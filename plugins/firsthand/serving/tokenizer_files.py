"""Tokenizer, processor and chat template of an export: byte for byte the base's, put back where they are not.

Every program that saves a model writes these files anew in the dialect of its own version, and some lose a template or
a pixel budget on the way. A model answers as it was trained only behind the files that it was trained with.
"""

from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.serving.checks import Check, some

ROLES = {
    "tokenizer": [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt",
    ],
    "processor": ["processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json"],
    "chat template": ["chat_template.jinja", "chat_template.json"],
}  # fmt: skip


def restore(base: Path, merged: Path) -> list[Check]:
    checks = _vocabulary(base, merged)
    kept = [check.name for check in checks]
    for role, names in ROLES.items():
        here = [name for name in names if (base / name).is_file()]
        if role == "chat template" and not here and _template_in_config(base):
            here = []
        elif not here:
            if any((merged / name).exists() for name in names):
                checks.append(Check(role, True, "the base has none: kept", note=True))
            continue
        if f"{role}.json" in kept:
            continue
        for name in names:
            if (done := _put_back(base / name, merged / name)) is not None:
                checks.append(Check(name, True, done))
    return checks or [Check("tokenizer, processor, template", True, "as in the base")]


def _put_back(source: Path, target: Path) -> str | None:
    if not source.is_file():
        if not target.exists():
            return None
        target.unlink()
        return "not in the base, whose other files do without: removed"
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content:
        return None
    existed = target.exists()
    files.write_bytes(target, content)
    return "differed from the base: restored" if existed else "was missing: restored from the base"


def _template_in_config(base: Path) -> bool:
    config = base / "tokenizer_config.json"
    return config.is_file() and "chat_template" in files.read_json(config)


def _vocabulary(base: Path, merged: Path) -> list[Check]:
    """Tokens that were added are kept; a token with another id is a model of another tokenizer."""
    name = "tokenizer.json"
    if not (base / name).is_file():
        return []
    before = _tokens(base / name)
    try:
        after = _tokens(merged / name)
    except UserError:  # missing or broken: it is restored
        return []
    moved = [f"{token!r} is {after.get(token, 'missing')} and not {before[token]}" for token in sorted(before)
             if after.get(token) != before[token]]  # fmt: skip
    if moved:
        fix = "It is the tokenizer of another model: export from the base that the model was trained from, " \
              "or copy the base's tokenizer files into the export if only they are wrong"  # fmt: skip
        return [Check(name, False, f"token ids differ from the base: {some(moved)}. {fix}")]
    if added := sorted(after.keys() - before.keys()):
        return [Check(name, True, f"has tokens that the base lacks (add_tokens): {some(added)}: kept", note=True)]
    return []


def _tokens(file: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)
    except Exception as error:
        raise UserError(f"{file}: not a readable tokenizer ({error}); download the base again") from None

"""Gets a release from the hub where its owner keeps it, by the hub's own client; what is there already is kept.

The owner's licence and terms are printed before anything is fetched. A data set behind a form is fetched with the
token of somebody who filled it in (`hf auth login`, MODELSCOPE_API_TOKEN).
"""

import importlib.util
from pathlib import Path

from firsthand.data.build.release import Hub, Release
from firsthand.errors import UserError

PACKAGES = {"hf": "huggingface_hub", "modelscope": "modelscope"}


def choose(release: Release, hub: str | None) -> tuple[str, Hub]:
    """The hub to fetch from: the one asked for, or the only one there is."""
    if not release.hubs:
        raise UserError(f"{release.name} is on no hub; it comes from: {release.home}")
    name = hub or next(iter(release.hubs))
    if name not in release.hubs:
        raise UserError(f"--from {name}: {release.name} is kept at {', '.join(release.hubs)}")
    if importlib.util.find_spec(PACKAGES[name]) is None:
        raise UserError(f"{PACKAGES[name]} is not installed; pip install {PACKAGES[name]}")
    return name, release.hubs[name]


def fetch(release: Release, hub: str | None, out: Path, endpoint: str | None = None) -> Path:
    """`endpoint` is a mirror of the hub."""
    name, where = choose(release, hub)
    out.mkdir(parents=True, exist_ok=True)
    try:
        _CLIENTS[name](where, out, endpoint)
    except Exception as error:  # each client has many of its own; all mean that the files are not here
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"{where.repo} could not be fetched from {name}: {first}\n"
            f"Ask for access or log in where its owner keeps it ({release.home}), or download it by hand into {out}"
        ) from None
    return out


def _hf(hub: Hub, out: Path, endpoint: str | None) -> None:
    from huggingface_hub import snapshot_download

    patterns = list(hub.files) or None
    snapshot_download(hub.repo, repo_type="dataset", local_dir=out, allow_patterns=patterns, endpoint=endpoint)


def _modelscope(hub: Hub, out: Path, endpoint: str | None) -> None:
    from modelscope.hub.snapshot_download import dataset_snapshot_download

    patterns = list(hub.files) or None
    dataset_snapshot_download(hub.repo, local_dir=str(out), allow_patterns=patterns, endpoint=endpoint)


_CLIENTS = {"hf": _hf, "modelscope": _modelscope}

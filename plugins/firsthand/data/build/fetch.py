"""Gets a release from the hub where its owner keeps it, by the hub's own client; what is there already is kept.

The owner's licence and terms are printed before anything is fetched. A data set behind a form is fetched with the
token of somebody who filled it in (`hf auth login`, MODELSCOPE_API_TOKEN).
"""

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.data.build.release import Hub, Release
from firsthand.errors import UserError

PACKAGES = {"hf": "huggingface_hub", "modelscope": "modelscope"}


def choose(release: Release, client: str | None) -> Hub:
    """The hub to fetch from, which `client` may name."""
    hub = release.hub
    if hub is None:
        raise UserError(f"{release.name} cannot be fetched from a hub; it comes from: {release.kept_at}")
    if client not in (None, hub.client):
        raise UserError(f"--from {client}: {release.name} is kept at {hub.client}")
    if importlib.util.find_spec(PACKAGES[hub.client]) is None:
        raise UserError(f"{PACKAGES[hub.client]} is not installed; pip install {PACKAGES[hub.client]}")
    return hub


def fetch(release: Release, client: str | None, out: Path, endpoint: str | None = None) -> Path:
    """`endpoint` is a mirror of the hub."""
    hub = choose(release, client)
    out.mkdir(parents=True, exist_ok=True)
    try:
        _download(hub)(hub.repo, local_dir=str(out), allow_patterns=list(hub.files) or None, endpoint=endpoint)
    except Exception as error:  # each client has many of its own; all mean that the files are not here
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"{hub.repo} could not be fetched from {hub.client}: {first}\n"
            f"Ask for access or log in where its owner keeps it ({release.kept_at}), or download it by hand into {out}"
        ) from None
    return out


def _download(hub: Hub) -> Callable[..., Any]:
    if hub.client == "hf":
        from huggingface_hub import snapshot_download

        return partial(snapshot_download, repo_type="dataset")
    from modelscope.hub.snapshot_download import dataset_snapshot_download

    return dataset_snapshot_download

"""How fast images come out of shards in the order of training, against a plain folder read at random.

The images are made here: photos of 224 x 224 pixels of about 20 KB. The folder's files are opened by name in a random
permutation; the shards are walked in the order that training walks them. `bytes` only reads, `pixels` decodes too, and
`batches` is all of the loader. Processor time, which others on the machine disturb less than the clock; files that were
just written are in the page cache, so disks are not measured. Compare the ratios.

Example: python bench/egoagent_data.py --images 4000
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from firsthand.egoagent.data.batches import ShardBatches, open_images
from firsthand.egoagent.data.build_shards import build_images
from firsthand.egoagent.data.image_sources import frames_below
from firsthand.egoagent.data.order import ShardOrder
from firsthand.egoagent.data.pictures import rgb

SIZE, BATCH = 224, 32


def make(folder: Path, images: int) -> None:
    numbers = np.random.default_rng(0)
    folder.mkdir()
    for number in range(images):
        coarse = Image.fromarray(numbers.integers(0, 255, (28, 28, 3), dtype=np.uint8)).resize((SIZE, SIZE))
        noisy = np.asarray(coarse).astype(np.int16) + numbers.normal(0, 6, (SIZE, SIZE, 3)).astype(np.int16)
        target = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(target, "JPEG", quality=90)
        (folder / f"frame_{number:07}.jpg").write_bytes(target.getvalue())


def per_second(work: Callable[[], int]) -> float:
    began = time.process_time()
    return work() / (time.process_time() - began)


def shards_against_folder(images: int) -> dict[str, float]:
    """Images a second of one core, by way."""
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "frames"), Path(place, "shards")
        make(folder, images)
        build_images(out, frames_below(folder), None, lambda *_: None)
        paths = sorted(folder.iterdir())
        mixed = [paths[row] for row in np.random.default_rng(0).permutation(images)]
        shards = open_images(str(out))
        order = ShardOrder(shards.counts, seed=0)
        walk = [order.sample(position) for position in range(images)]
        batches = ShardBatches(shards, None, BATCH, 0, seed=0)
        return {
            "folder, bytes": per_second(lambda: len([path.read_bytes() for path in mixed])),
            "shards, bytes": per_second(lambda: len([shards.shards.members(*at, slice(0, 1)) for at in walk])),
            "folder, pixels": per_second(lambda: len([rgb(path.read_bytes(), path).shape for path in mixed])),
            "shards, pixels": per_second(lambda: len([shards.read(*at).shape for at in walk])),
            "shards, batches": per_second(
                lambda: sum(len(draws) for _, draws in islice(batches.images(0, 0, 1), images // BATCH))
            ),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=4000)
    found = shards_against_folder(parser.parse_args().images)
    for way, rate in found.items():
        print(f"{way:16} {rate:10,.0f} images a second")
    print(f"shards / folder  {found['shards, bytes'] / found['folder, bytes']:10.2f} (bytes)")
    print(f"shards / folder  {found['shards, pixels'] / found['folder, pixels']:10.2f} (pixels)")


if __name__ == "__main__":
    main()

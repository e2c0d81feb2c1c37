"""The old name of `firsthand.training.dataset`, for recipes that say pkg://firsthand.training.verl_dataset."""

from firsthand.training.dataset import *  # noqa: F403
from firsthand.training.dataset import MediaDataset as MediaDataset

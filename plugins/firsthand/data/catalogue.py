"""Every release that can be converted. Licences and terms are as their owners state them; read theirs before use."""

from firsthand.data.release import Hub, Release
from firsthand.data.releases import egocross
from firsthand.errors import UserError

_EGOCROSS_TERMS = "For research. The test answers are published with the request not to train on them."
_SUPPORT_HUBS = {"modelscope": Hub("YuLi2024/EgoCross_support_set")}


def _support(name: str, file: str, about: str, rows: int) -> Release:
    return Release(
        name=name,
        about=about,
        converter=egocross.Support,
        inputs={"sft": (file,), "rl": (file,), "eval": (file,)},
        rows=rows,
        video_rates=(0.5, 1.0),
        licence="cc-by-nc-4.0 (the cards list cc-by-sa-4.0 too: taken as non-commercial)",
        terms=_EGOCROSS_TERMS,
        home="ModelScope YuLi2024/EgoCross_support_set",
        hubs=_SUPPORT_HUBS,
    )


RELEASES = {
    release.name: release
    for release in (
        _support("egocross_support", "train.json", "EgoCross, support set, all four domains", 80),
        _support("egocross_support_animal", "train_animal.json", "EgoCross, support set, EgoPet", 20),
        _support("egocross_support_industry", "train_industry.json", "EgoCross, support set, ENIGMA", 20),
        _support("egocross_support_surgery", "train_surgery.json", "EgoCross, CholecTrack20 and EgoSurgery", 20),
        _support("egocross_support_xsports", "train_xsports.json", "EgoCross, support set, ExtrameSportFPV", 20),
        Release(
            name="egocross_test",
            about="EgoCross, test set, without its answers; never to learn from",
            converter=egocross.Test,
            inputs={"eval": ("egocross_testbed/egocross_testbed_imgs.json",)},
            rows=957,
            licence="cc-by-nc-4.0 (the card lists cc-by-sa-4.0 too: taken as non-commercial)",
            terms=_EGOCROSS_TERMS,
            home="Hugging Face myuniverse/EgoCross (ask for access there first)",
            hubs={"hf": Hub("myuniverse/EgoCross")},
        ),
    )
}


def release(name: str) -> Release:
    if name not in RELEASES:
        raise UserError(f"{name!r} is no data set that can be built: {', '.join(RELEASES)}")
    return RELEASES[name]

"""Every release that can be converted. Licences and terms are as their owners state them; read theirs before use."""

from importlib import import_module

from firsthand.data.build.release import EGO4D_TERMS, Hub, Release
from firsthand.data.build.releases import (
    ego_cott,
    ego_qa,
    egocross,
    open_r1_video,
    qaego4d,
    video_r1,
    whole_videos,
)
from firsthand.errors import UserError

_EGOCROSS_LICENCE = "cc-by-nc-4.0 (the card lists cc-by-sa-4.0 too: taken as non-commercial)"
_EGOCROSS_TERMS = "For research. The test answers are public with the request not to train on them."
# Modules of `releases/` that have their releases in RELEASES: a new one is a name here.
_MODULES = (
    "qaego4d",
    "egocross",
    "egomemreason",
    "egoplan2",
    "egotextvqa",
    "egothink",
    "video_choice",
    "wearable_ai",
    "whole_videos",
)
_EGO_R1, _EGO_R1_TERMS = "Ego-R1/Ego-R1-Data", "For research; the people of EgoLife can be recognised."


def _support(name: str, file: str, about: str, rows: int, rates: tuple[float, ...] = (0.5, 1.0)) -> Release:
    return Release(
        name=name,
        family="egocross_support",
        about=f"EgoCross, support set: {about}",
        converter=egocross.Support,
        inputs={"sft": (file,), "rl": (file,), "eval": (file,)},
        rows=rows,
        video_rates=rates,
        licence=_EGOCROSS_LICENCE,
        terms=_EGOCROSS_TERMS,
        hub=Hub("YuLi2024/EgoCross_support_set", client="modelscope"),
    )


_ALL = (
    _support("egocross_support", "train.json", "all four domains", 80),
    _support("egocross_support_animal", "train_animal.json", "EgoPet", 20),
    _support("egocross_support_industry", "train_industry.json", "ENIGMA", 20, rates=()),
    _support("egocross_support_surgery", "train_surgery.json", "CholecTrack20 and EgoSurgery", 20),
    _support("egocross_support_xsports", "train_xsports.json", "ExtrameSportFPV", 20, rates=()),
    Release(
        name="egocross_test",
        about="EgoCross, test set, without its answers; never to learn from",
        converter=egocross.Test,
        inputs={"eval": ("egocross_testbed/egocross_testbed_imgs.json",)},
        rows=957,
        guarded=True,
        licence=_EGOCROSS_LICENCE,
        terms=_EGOCROSS_TERMS,
        home="Hugging Face myuniverse/EgoCross (ask for access there first)",
        hub=Hub("myuniverse/EgoCross"),
    ),
    Release(
        name="ego_cott",
        about="Ego-CoTT-25K: chains of tool calls, from records of steps or raw traces",
        converter=ego_cott.EgoCoTT,
        inputs={"sft": ("**/train-cott.json", "Ego-CoTT-raw/**/*.json", "Ego-CoTT-raw/**/*.parquet")},
        terms=_EGO_R1_TERMS,
        hub=Hub(_EGO_R1, ("Ego-CoTT-25K/*", "Ego-CoTT-raw/*")),
    ),
    Release(
        name="ego_qa",
        about="Ego-QA-4.4K: questions about a week of six people, to train on",
        converter=ego_qa.EgoQA,
        inputs={"rl": ("Ego-QA-4.4K/**/A[1-6]*.json", "**/A[1-6]*.json")},
        terms=f"{_EGO_R1_TERMS} Its benchmark asks about the same weeks.",
        hub=Hub(_EGO_R1, ("Ego-QA-4.4K/*",)),
    ),
    Release(
        name="ego_r1_bench",
        about="Ego-R1 Bench: 300 questions, 50 a person",
        converter=ego_qa.EgoTest,
        inputs={"eval": ("*-benchmark/A[1-6]*.json",)},
        rows=300,
        terms="A benchmark: not to train on.",
        hub=Hub("Ego-R1/Ego-R1-Bench"),
    ),
    Release(
        name="egolife_qa",
        about="EgoLifeQA: the 500 public questions about A1_JAKE",
        converter=ego_qa.EgoTest,
        inputs={"eval": ("EgoLifeQA/EgoLifeQA_A[1-6]*.json", "EgoLifeQA_A[1-6]*.json")},
        rows=500,
        licence="MIT on the card, S-Lab licence in the repository",
        terms="A benchmark: not to train on. Only what lies before the query time may be used.",
        hub=Hub("lmms-lab/EgoLife", ("EgoLifeQA/*",)),
    ),
    Release(
        name="egoschema",
        about="EgoSchema: the 500 questions with public answers, five options, clips of three minutes",
        converter=whole_videos.EgoSchema,
        inputs={"eval": ("questions.json", "**/questions.json")},
        rows=5031,
        licence="as stated by egoschema/EgoSchema (not verified)",
        terms=EGO4D_TERMS + " A benchmark: not to train on.",
        home="GitHub egoschema/EgoSchema",
    ),
    Release(
        name="videomme_long",
        about="Video-MME: the 900 questions about its 300 long videos, without subtitles",
        converter=whole_videos.VideoMMELong,
        inputs={"eval": ("videomme/test*.parquet", "**/videomme/test*.parquet")},
        rows=2700,
        licence="for academic research only, not to be passed on",
        terms="A benchmark: not to train on. The videos are their owners'.",
        hub=Hub("lmms-lab/Video-MME", ("videomme/*",)),
    ),
    Release(
        name="toy_week",
        about="The toy week's questions, to be answered with tools",
        converter=ego_qa.ToyWeek,
        inputs={"rl": ("qa/EgoLifeQA_*.json",), "eval": ("qa/EgoLifeQA_*.json",)},
        licence="Apache-2.0",
        terms="Synthetic: no person is in it.",
        home="firsthand toy build datasets/toy",
    ),
    Release(
        name="open_r1_video",
        about="Open-R1-Video: 4k questions about short videos",
        converter=open_r1_video.OpenR1Video,
        inputs={"rl": ("LLaVA-Video-large-swift-origin.jsonl",)},
        terms="Annotations and videos are two repositories; the videos are LLaVA-Video's.",
        home="Hugging Face Xiaodong/open-r1-video-4k, videos malterei/LLaVA-Video-large-swift",
        hub=Hub("Xiaodong/open-r1-video-4k"),
    ),
    Release(
        name="video_r1",
        about="Video-R1: 165k chains of thought (sft), 260k questions (rl), images and videos",
        converter=video_r1.VideoR1,
        inputs={"sft": ("Video-R1-COT-165k.json",), "rl": ("Video-R1-260k.json",)},
        terms="Its images and videos come from many data sets, each with terms of its own.",
        hub=Hub("Video-R1/Video-R1-data"),
    ),
    Release(
        name="longvitu",
        about="LongViTU: the pool that Ego3S selects from (its rows, or LongViTU's conversations)",
        converter=video_r1.LongViTU,
        inputs={"rl": ("*ongvitu*train*.json", "**/longvitu_train*.json", "*.json")},
        licence="cc-by-nc-sa-4.0 (annotations)",
        terms=EGO4D_TERMS,
        hub=Hub("rujiewu/LongViTU"),
    ),
    Release(
        name="qaego4d",
        about="QAEgo4D: open questions about Ego4D's clips (rl), and the 500 with options (eval)",
        converter=qaego4d.QAEgo4D,
        inputs={
            "rl": ("annotations.train.json", "**/annotations.QaEgo4D_train.json"),
            "eval": ("**/annotations.QaEgo4D_test_close.json",),
        },
        metrics=("choice",),
        licence="annotations as stated by lbaermann/qaego4d and Becomebright/GroundVQA (MIT)",
        terms=EGO4D_TERMS,
        home="GitHub lbaermann/qaego4d; with options: Hugging Face Becomebright/GroundVQA",
        hub=Hub("Becomebright/GroundVQA"),
    ),
    *(release for name in _MODULES for release in import_module(f"{__package__}.releases.{name}").RELEASES),
)
RELEASES = {release.name: release for release in _ALL}


def release(name: str) -> Release:
    if name not in RELEASES:
        raise UserError(f"{name!r} is not a data set that can be built: {', '.join(RELEASES)}")
    return RELEASES[name]

"""The tables of clips: each method beside those that know less and, in a synthetic world, one that knows all."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.evaluation import motion as motions
from firsthand.egoagent.evaluation.clip_set import ActionSet, ClipSet
from firsthand.egoagent.evaluation.models import States
from firsthand.egoagent.evaluation.motion import Motion
from firsthand.egoagent.evaluation.results import Row, Table, share
from firsthand.egoagent.evaluation.retrieval import Found, over_all, within_clip
from firsthand.egoagent.evaluation.world_truth import Truth
from firsthand.evals.score import bootstrap_of_mean

FRAMES_PER_SECOND = 30


def others_actions(clips: Clips) -> Clips:
    """The actions of a clip half the set away: of another take, where no take has more than half of the clips."""
    return replace(clips, poses=_away(clips.poses), visible=_away(clips.visible))


def others_images(clips: Clips) -> Clips:
    return replace(clips, images=_away(clips.images))


def _away(one: Tensor) -> Tensor:
    return one.roll(len(one) // 2, 0)


@dataclass(frozen=True)
class Seen:
    """A model's states of the clips as they are, with what is not theirs, and of a model before its first step."""

    itself: States
    with_others_actions: States
    with_others_images: States
    untrained: States


def retrieval(seen: Seen, test: ClipSet, truth: Truth | None) -> list[Table]:
    """Within the clip and over all clips, in both spaces; with the truth also by the room that is found."""
    return [_retrieval(seen, test, truth, everywhere) for everywhere in (False, True)]


def _retrieval(seen: Seen, test: ClipSet, truth: Truth | None, everywhere: bool) -> Table:
    find = over_all if everywhere else within_clip
    itself, gallery = seen.itself, seen.itself.centred_observed[:, 1:]
    methods = {
        "predicted": find(itself.centred_predicted, gallery),
        "predicted, features before the head": find(itself.predicted, itself.observed[:, 1:]),
        "shuffled actions": find(seen.with_others_actions.centred_predicted, gallery),
        "shuffled images": find(seen.with_others_images.centred_predicted, gallery),
        "copy current": find(itself.centred_observed[:, :-1], gallery),
        "random init": find(seen.untrained.centred_predicted, seen.untrained.centred_observed[:, 1:]),
    }
    if truth is not None:
        rooms = one_hot(truth.rooms[:, 1:])
        methods["oracle: knows the next room"] = find(rooms, rooms)
    clips, steps = gallery.shape[:2]
    rows = [_found_row(name, found, test, truth, everywhere) for name, found in methods.items()]
    rows.append(Row(name="chance", value=100 / (clips * steps if everywhere else steps)))
    return Table(
        title="next state, over all clips" if everywhere else "next state, within the clip",
        unit="Top1 %",
        n=f"{clips} clips, {clips * steps} next frames, {len(set(test.takes))} takes",
        rows=rows,
        columns=["mAP %", *(["right room %", "right room, where it changes %"] if truth else [])],
        note="Cosine of centred head logits, the student's prediction against what the teacher observes.",
    )


def _found_row(name: str, found: Found, test: ClipSet, truth: Truth | None, everywhere: bool) -> Row:
    steps = found.top1.shape[1]
    clusters = [take for take in test.takes for _ in range(steps)]
    more = {"mAP %": 100 * float(found.reciprocal.mean())}
    if truth is not None and not name.startswith("oracle"):
        next_rooms, rooms = truth.rooms[:, 1:], truth.rooms[:, 1:].flatten()
        got = rooms[found.nearest] if everywhere else next_rooms.gather(1, found.nearest)
        changes = truth.rooms[:, :-1] != next_rooms
        right = (got == next_rooms).float()
        more["right room %"] = 100 * float(right.mean())
        more["right room, where it changes %"] = 100 * float(right[changes].mean())
    return share(name, found.top1.flatten().tolist(), clusters, **more)


# -- motion ------------------------------------------------------------------------------------------------------------


def motion_tables(
    itself: Tensor, shuffled: Tensor, rolled: Tensor, test: ClipSet, train: ActionSet, truth: tuple[Truth, Truth] | None
) -> list[Table]:
    """Poses that were predicted from true pasts, with other images, and from own pasts. `truth`: of train and test."""
    fact = test.facts[0]
    per_second = FRAMES_PER_SECOND * fact["poses"] / fact["every"]
    motion = Motion(test.clips.poses, test.clips.visible, per_second)
    mean = motions.mean_pose(train.poses, train.visible)
    forced = motions.trivial(motion, mean)
    told = {} if truth is None else _told(Motion(train.poses, train.visible, per_second), motion, truth, mean)
    table = "motion, teacher-forced"
    with_images = {"model": itself[:, 1:], "model, shuffled images": shuffled[:, 1:]}
    tables = [_motion(table, with_images, forced, told, motion, test.takes)]
    alone = motions.trivial(motion, mean, autoregressive=True)
    return [*tables, _motion("motion, autoregressive", {"model": rolled[:, 1:]}, alone, {}, motion, test.takes)]


def _told(train: Motion, test: Motion, truth: tuple[Truth, Truth], mean: Tensor) -> dict[str, Tensor]:
    """What those predict who know which action each image announces: what images must be read for."""
    names = sorted({name for split in truth for clip in split.announced for name in clip})
    of_train, of_test = (
        torch.tensor([[names.index(name) for name in clip] for clip in split.announced]) for split in truth
    )
    chunks = motions.by_class(train.poses, train.visible, of_train, len(names))
    return {
        "reader of the guest's hand": chunks[of_test[:, 1:]],
        "reader of the hand and of the last pose": motions.from_last_pose(train, of_train, test, of_test, mean),
    }


def _motion(
    title: str,
    of_model: dict[str, Tensor],
    trivial: dict[str, Tensor],
    told: dict[str, Tensor],
    motion: Motion,
    takes: list[str],
) -> Table:
    found = {name: motions.errors(poses, motion) for name, poses in {**of_model, **trivial, **told}.items()}
    best = min((found[name] for name in trivial), key=lambda one: one.mean)
    best_by_horizon = torch.stack([found[name].position for name in trivial]).amin(0)
    rows = []
    for name, one in found.items():
        known = [(take, value) for take, value in zip(takes, one.clips.tolist(), strict=True) if value == value]
        more = {
            "of the best trivial": one.mean / best.mean,
            "by horizon": one.position.tolist(),
            "by horizon, of the best trivial": (one.position / best_by_horizon).tolist(),
            "MPJVE cm/s": one.mean_velocity,
            "MPJVE by horizon": one.velocity.tolist(),
        }
        rows.append(Row(name=name, value=one.mean, interval=bootstrap_of_mean(known), more=more))
    spacing = 1000 / motion.per_second
    ends = ", ".join(f"{spacing * number:.0f}" for number in range(1, motion.poses.shape[2] + 1))
    return Table(
        title=title,
        unit="cm (MPJPE)",
        n=f"{len(takes)} clips, {motion.judged.shape[1]} actions each (the first has no past), "
        f"{int(motion.known.sum())} visible joints",
        rows=rows,
        columns=[
            "of the best trivial",
            "by horizon",
            "by horizon, of the best trivial",
            "MPJVE cm/s",
            "MPJVE by horizon",
        ],
        note=f"Horizons: {ends} ms after the last image. Trivial: {', '.join(trivial)}.",
    )

"""One evaluation from a run and a folder of data to results.json and results.md.

The folder may hold `shards/val` (clips to be judged), `shards/train` (what baselines learn from), `labels/NAME/train`
and `val` (images by class, for kNN) and `truth` (of a synthetic world). What is not there is not measured, and said.
"""

from dataclasses import asdict
from pathlib import Path

from firsthand import files
from firsthand.egoagent.data.batches import open_clips
from firsthand.egoagent.evaluation import measure, models
from firsthand.egoagent.evaluation.clip_set import ClipSet, read_actions, read_clips
from firsthand.egoagent.evaluation.knn_tables import knn_tables, methods_of
from firsthand.egoagent.evaluation.models import Agent, States
from firsthand.egoagent.evaluation.results import Results, Table, markdown
from firsthand.egoagent.evaluation.settings import Progress, Settings
from firsthand.egoagent.evaluation.world_truth import read_truth
from firsthand.errors import UserError


def evaluate(run: Path, data: Path, out: Path, settings: Settings, progress: Progress) -> Results:
    agent = models.open_agent(run, settings.device)
    methods = methods_of(agent, settings)  # first: a wrong --backbone should not cost an evaluation
    tables: list[Table] = []
    left_out: dict[str, str] = {}
    if (data / "shards/val").is_dir():
        found, why = _of_clips(agent, data, settings, progress)
        tables += found
        left_out |= why
    else:
        left_out["next state and motion"] = f"no {data}/shards/val; make it with: firsthand egoagent shards"
    folders = _labels(data / "labels", settings.labels)
    if not folders:
        left_out["kNN"] = f"no {data}/labels/NAME with train and val folders of classes"
    for folder in folders:
        try:
            tables += knn_tables(methods, folder, settings, progress)
        except UserError as error:
            left_out[f"kNN of {folder.name}"] = str(error)
    if not tables:
        raise UserError(f"{data}: nothing to measure ({'; '.join(f'{what}: {why}' for what, why in left_out.items())})")
    results = Results(checkpoint=str(run), data=str(data), settings=asdict(settings), tables=tables, left_out=left_out)
    files.write_text(out / "results.json", results.model_dump_json(indent=1))
    files.write_text(out / "results.md", markdown(results))
    return results


def _labels(folder: Path, wanted: list[str] | None) -> list[Path]:
    there = {path.name: path for path in sorted(folder.glob("*")) if path.is_dir()}
    if missing := set(wanted or ()) - set(there):
        raise UserError(f"{folder}: no folder {', '.join(sorted(missing))}; there is: {', '.join(there) or 'none'}")
    return [path for name, path in there.items() if not wanted or name in wanted]


# -- clips -------------------------------------------------------------------------------------------------------------


def _of_clips(agent: Agent, data: Path, settings: Settings, progress: Progress) -> tuple[list[Table], dict[str, str]]:
    test = read_clips(open_clips(str(data / "shards/val"), settings.steps), settings.clips)
    truth = read_truth(data / "truth", test.facts, settings.steps)
    seen = _seen(agent, test, settings, progress)
    tables, left_out = measure.retrieval(seen, test, truth), {}
    if truth is None:
        left_out["oracle, rooms"] = f"no {data}/truth: only a synthetic world has it"
    if settings.steps < 2:
        left_out["motion"] = "clips of one step have no past; give --steps 2 or more"
    elif (data / "shards/train").is_dir():
        train = read_actions(open_clips(str(data / "shards/train"), settings.steps), 2000)
        of_train = read_truth(data / "truth", train.facts, settings.steps)
        both = (of_train, truth) if of_train and truth else None
        rolled = models.rolled_out(agent, test.clips, settings.batch)
        tables += measure.motion_tables(seen.itself.poses, seen.with_others_images.poses, rolled, test, train, both)
    else:
        left_out["motion"] = f"no {data}/shards/train, from which the mean pose comes"
    return tables, left_out


def _seen(agent: Agent, test: ClipSet, settings: Settings, progress: Progress) -> measure.Seen:
    inputs = [
        (agent, test.clips),
        (agent, measure.others_actions(test.clips)),
        (agent, measure.others_images(test.clips)),
        (models.random_agent(agent, settings.seed), test.clips),
    ]
    done, total = 0, len(inputs) * len(test.clips.images)

    def looked(count: int) -> None:
        nonlocal done
        done += count
        progress("clips", done, total)

    found: list[States] = [models.states(one, clips, settings.batch, looked) for one, clips in inputs]
    return measure.Seen(*found)

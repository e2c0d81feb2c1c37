"""How fast frames come out of videos and out of the store, against the programs that people use instead.

All numbers are of one run on one machine, so compare the ratios. The clips are made here: 30 s of 1280x720 at 20 fps,
a moving picture with sensor noise, H.264 of about 4 Mbit/s with a key frame every 12.5 s, as x264 makes them.

Example: python bench/media.py --clips 4 --ffmpeg /usr/bin/ffmpeg
"""

import argparse
import importlib
import io
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from firsthand import clock
from firsthand.media.decode import opened
from firsthand.media.extract import extract
from firsthand.media.pixels import rgb
from firsthand.media.store import FrameStore

WIDTH, HEIGHT, SECONDS, FPS, WANTED = 1280, 720, 30, 20, 16


def make_clip(path: Path, seed: int) -> None:
    random_numbers = np.random.default_rng(seed)
    coarse = random_numbers.integers(0, 255, (HEIGHT // 8 + 40, WIDTH // 8 + 160), np.uint8)
    scene = coarse.repeat(8, 0).repeat(8, 1)
    noise = random_numbers.normal(0, 5, (HEIGHT * 3 // 2, WIDTH)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "21"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 250
        for i in range(SECONDS * FPS):
            x, y = int(600 + 500 * np.sin(i / 40)), int(150 + 100 * np.cos(i / 23))
            planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.int16)
            planes[:HEIGHT] = scene[y : y + HEIGHT, x : x + WIDTH]
            grain = np.roll(noise, tuple(random_numbers.integers(0, HEIGHT, 2)), (0, 1))
            pixels = np.clip(planes + grain, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        container.mux(stream.encode())


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall and of processors, children included."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before, began = [resource.getrusage(kind) for kind in kinds], time.perf_counter()
    work()
    spent = sum(
        after.ru_utime + after.ru_stime - first.ru_utime - first.ru_stime
        for after, first in zip([resource.getrusage(kind) for kind in kinds], before, strict=True)
    )
    return time.perf_counter() - began, spent


def find_ffmpeg() -> str | None:
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except ImportError:
        return None


def bench_extraction(folder: Path, clips: list[Path], ffmpeg: str | None) -> None:
    frames = len(clips) * SECONDS
    ours = cost(lambda: extract(folder, folder.parent / "store", 1.0))
    print(f"extraction of {len(clips)} clips at 1 fps, frames of video decoded a second")
    report("firsthand media extract", frames * FPS, ours, ours)
    if ffmpeg is None:
        print("  no ffmpeg program here (neither on PATH nor imageio-ffmpeg); against one PyAV loop with PIL instead")
        report("PyAV, every frame, PIL", frames * FPS, cost(lambda: [by_hand(clip) for clip in clips]), ours)
        return
    out = folder.parent / "ffmpeg"
    out.mkdir()

    def command(clip: Path, *more: str) -> list[str]:
        return [
            ffmpeg,
            "-nostdin",
            "-y",
            "-v",
            "error",
            *more,
            "-i",
            str(clip),
            "-vf",
            "fps=1",
            "-q:v",
            "2",
            f"{out}/{clip.stem}_%d.jpg",
        ]

    def one_by_one() -> None:
        for clip in clips:
            subprocess.run(command(clip), check=True)

    def side_by_side() -> None:
        cores = len(os.sched_getaffinity(0))
        for first in range(0, len(clips), cores):
            running = [subprocess.Popen(command(clip, "-threads", "1")) for clip in clips[first : first + cores]]
            assert not any(one.wait() for one in running)

    report("ffmpeg -vf fps=1, one clip after another", frames * FPS, cost(one_by_one), ours)
    report("ffmpeg -vf fps=1, a thread a core", frames * FPS, cost(side_by_side), ours)
    sizes = [sum(path.stat().st_size for path in root.rglob("*.jpg")) for root in (folder.parent / "store", out)]
    print(f"  JPEG bytes, ours to ffmpeg's: {sizes[0] / sizes[1]:.2f}")


def by_hand(clip: Path) -> None:
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % FPS == 0:
                frame.to_image().save(os.devnull, "JPEG", quality=95)


def report(name: str, frames: int, spent: tuple[float, float], ours: tuple[float, float]) -> None:
    wall, processors = spent
    print(
        f"  {name:42} {frames / wall:7.0f}/s on the wall, {frames / processors:7.0f} a processor second;"
        f" ours is {wall / ours[0]:.2f} and {processors / ours[1]:.2f} times as fast"
    )


def bench_access(store: FrameStore, clips: list[Path], rounds: int) -> None:
    choose = random.Random(0)
    trials = [(choose.choice(clips), sorted(choose.sample(range(SECONDS), WANTED))) for _ in range(rounds)]

    def from_store(clip: Path, seconds: list[int], decoded: bool) -> None:
        for second in seconds:
            jpeg = store.frame(clip.stem, clock.of_elapsed(second)).jpeg()
            if decoded:
                np.asarray(Image.open(io.BytesIO(jpeg)))

    def by_seeking(clip: Path, seconds: list[int]) -> None:
        for second in seconds:
            with av.open(str(clip)) as container:
                stream = container.streams.video[0]
                container.seek(int(second / stream.time_base), stream=stream)
                next(f for f in container.decode(stream) if f.time >= second).to_ndarray(format="rgb24")

    def by_media_decode(clip: Path, seconds: list[int]) -> None:
        with opened(clip, threads=len(os.sched_getaffinity(0))) as video:
            for shown in video.at([float(second) for second in seconds]):
                rgb(shown.frame)

    def through(clip: Path, seconds: list[int]) -> None:
        with opened(clip, threads=len(os.sched_getaffinity(0))) as video:
            for shown in video.sample(1.0):
                if shown.asked in seconds:
                    rgb(shown.frame)

    ways: dict[str, Callable[[Path, list[int]], object]] = {
        "store, JPEG bytes": lambda clip, seconds: from_store(clip, seconds, False),
        "store, pixels": lambda clip, seconds: from_store(clip, seconds, True),
        "PyAV, a seek each": by_seeking,
        "media.decode, by the cheaper way": by_media_decode,
        "media.decode, straight through": through,
        **other_readers(),
    }
    print(f"{WANTED} random frames of a clip, median of {rounds}")
    times = {}
    for name, way in ways.items():
        times[name] = statistics.median(cost(lambda w=way, t=trial: w(*t))[0] for trial in trials)
        print(
            f"  {name:42} {times[name] * 1000:9.2f} ms, {times[name] / times['store, JPEG bytes']:7.1f} times the store"
        )
    for wanted in (1, 2, 4):
        few = [(clip, seconds[:wanted]) for clip, seconds in trials]
        seek, all_of_it = (
            statistics.median(cost(lambda w=way, t=trial: w(*t))[0] for trial in few)
            for way in (by_media_decode, through)
        )
        print(f"  {wanted:2} frames: seeking {seek * 1000:.0f} ms, straight through {all_of_it * 1000:.0f} ms")


def other_readers() -> dict[str, Callable[[Path, list[int]], object]]:
    found: dict[str, Callable[[Path, list[int]], object]] = {}
    try:
        decord = importlib.import_module("decord")
        found["decord"] = lambda clip, seconds: decord.VideoReader(str(clip)).get_batch([s * FPS for s in seconds])
    except ImportError as error:
        print(f"  decord is not here: {str(error).splitlines()[0]}")
    try:
        torchcodec = importlib.import_module("torchcodec.decoders")
        found["torchcodec"] = lambda clip, seconds: torchcodec.VideoDecoder(str(clip)).get_frames_played_at(seconds)
    except (ImportError, OSError, RuntimeError) as error:
        print(f"  torchcodec is not here: {str(error).splitlines()[0]}")
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clips", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--ffmpeg", help="the program; without it the one on PATH, or that of imageio-ffmpeg")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder) / "videos"
        videos.mkdir()
        clips = [videos / f"clip{number}.mp4" for number in range(options.clips)]
        for number, clip in enumerate(clips):
            make_clip(clip, number)
        megabits = sum(clip.stat().st_size for clip in clips) * 8e-6 / SECONDS / len(clips)
        print(f"{os.cpu_count()} cores")
        print(f"{len(clips)} clips of {SECONDS} s: {WIDTH}x{HEIGHT}, {FPS} fps, {megabits:.1f} Mbit/s")
        bench_extraction(videos, clips, options.ffmpeg or find_ffmpeg())
        bench_access(FrameStore(Path(folder) / "store"), clips, options.rounds)


if __name__ == "__main__":
    main()

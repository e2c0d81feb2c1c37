"""Chains of a file of questions: the loop of training and evaluation, with a teacher in the place of the student."""

from contextlib import AsyncExitStack

from firsthand.chains.config import Config
from firsthand.chains.questions import read_questions
from firsthand.chains.teachers import open_teacher
from firsthand.rollout.episodes import Summary, Task, run_episodes
from firsthand.tools.config import load


async def generate(config: Config) -> Summary:
    questions = read_questions(config.questions)
    toolbox = load(config.tools, config.use)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(toolbox.close)
        teacher = await open_teacher(config, toolbox, stack)
        tasks = [
            Task(question, teacher.told(question), sample) for sample in range(config.samples) for question in questions
        ]
        return await run_episodes(
            tasks,
            teacher.policy,
            toolbox,
            teacher.settings,
            config.out,
            concurrency=config.concurrency,
            price=teacher.price,
        )

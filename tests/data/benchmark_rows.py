"""Rows of benchmarks as their owners write them, for more than one test file."""

TEXTVQA = {"video_id": 12, "question": "what does it say?", "question_type": "others", "correct_answer": "stop"}
PLAN = {
    "sample_id": "uid-1_2",
    "domain": "Hobbies",
    "scenario": "baking",
    "task_goal": "bake bread",
    "answer": "mix",
    "choice_a": "mix",
    "choice_b": "cut",
    "choice_c": "bake",
    "choice_d": "eat",
    "golden_choice_idx": "A",
    "task_start_frame": 30,
    "current_observation_frame": 89,
    "task_progress_metadata": [{"narration_text": "SECRET", "start_frame": 30, "stop_frame": 60}],
}
SESSION = {
    "video_path": "s.mp4",
    "duration_in_sec": 24.0,
    "video_intervals": [[0.0, 8.0], [8.0, 16.0], [17.0, 24.0]],
    "query": "help me cook",
    "domain": "cooking",
    "task": "guide",
    "answers": ["$silent$", "$interrupt$ stir it", "$silent$"],
    "dialog": [
        [{"role": "user", "text": "help me cook"}],
        [{"role": "user", "text": "help me cook"}, {"role": "assistant", "text": "$silent$"}],
        [
            {"role": "user", "text": "help me cook"},
            {"role": "assistant", "text": "$silent$"},
            {"role": "assistant", "text": "$interrupt$ stir it"},
        ],
    ],
}

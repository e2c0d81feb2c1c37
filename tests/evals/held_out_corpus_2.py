"""Outputs with the letter that a careful person reads in them, part two of three: tags, formats and reasoning.

The rules and the shape are those of `held_out_corpus.py`; the author is the same and had not seen the readers either.
"""

OPTIONS: dict[str, dict[str, str]] = {
    "actions": {
        "A": "Opens the fridge and takes out the milk",
        "B": "Washes the cutting board in the sink",
        "C": "Picks up the phone from the table",
        "D": "Closes the drawer with her left hand",
    },
}
QUESTIONS = {
    "actions": "What does the woman do right after she puts down the knife?",
}
OPTIONS_OF = {
    "think tags": "actions",
    "answer tags": "actions",
    "boxed": "actions",
    "json": "actions",
    "tool calls": "actions",
    "eliminations": "actions",
    "negations": "actions",
    "self-corrections": "actions",
    "lower case": "actions",
    "small model": "actions",
    "whole transcripts": "actions",
}
# fmt: off
CORPUS: dict[str, list[tuple[str, str | None]]] = {
    "think tags": [
        ("<think>The video shows a kitchen. She walks to the fridge and opens it.</think>\nA", "A"),
        ("<think>\nOkay, so I need to see what she does next. At first I thought of B because the tap is "
         "running, but she only rinses a cup. Then she picks up the phone.\n</think>\n\n<answer>C</answer>", "C"),
        ("The user asks what happens next. She has wet hands and a board, so probably the sink. B fits, A "
         "doesn't.\n</think>\n\nB", "B"),
        ("Okay, A or D? The drawer is open and her left hand is on it. I'd go with D.\n</think>\nD", "D"),
        ("Hmm, the fridge (A) is never opened in this clip.\n</think>\n\nThe answer is C. Picks up the "
         "phone from the table", "C"),
        ("<think></think>\n\nC", "C"), ("<think>\n\n</think>\n\nThe answer is B.", "B"),
        ("<think>It could be A, it could be B.</think><answer>B</answer>", "B"),
        ("<think>She reaches for the drawer with her left hand and pushes it. <answer>D</answer>", "D"),
        ("<think>I think it is A. Wait, the milk is already outside. So it is B.</think>\n"
         "<answer>B</answer>", "B"),
        ("<think>So the answer is A.</think>\n<answer>C</answer>", "C"),
        ("<think>She opens the fridge.</think> <answer>(A) Opens the fridge and takes out the milk</answer>", "A"),
        ("<thinking>The phone rings on the table.</thinking>\n\nC. Picks up the phone from the table", "C"),
        ("<|begin_of_thought|>The drawer is open, then "
         "shut.<|end_of_thought|><|begin_of_solution|>D<|end_of_solution|>", "D"),
        ("◁think▷She picks up the phone at 0:31.◁/think▷The answer is C.", "C"),
        ("<think>First B, then A?</think>\n<think>No: the fridge stays closed, so B.</think>\nB", "B"),
        ("<think>Board, sink, water.</think>\n<answer>B", "B"),
        ("<think>She wants coffee, so milk. The fridge comes next.\n</think>\n\nBased on my analysis, she "
         "opens the fridge and takes out the milk.", "A"),
        ("<think>Let me look at the frames. In the first one there is a fridge. In the second one the "
         "camera moves to the sink. Option B says she washes the cutting board, but I need to check whether", None),
        ("<think>The options are A, B, C and D. Let me check them one by one. A: the fridge is closed. B:", None),
        ("<think>Hmm, is it A or C? She looks at the table. But she also looks at the fridge. Maybe A. But "
         "maybe C.", None),
        ("<think>There is a fridge, a sink and a table.</think>\nI am not able to tell which of the "
         "options is right.", None),
        ("<think>The frames are dark.</think>\n<answer>", None), ("<think>\n", None), ("</think>\n\n", None),
        ("<think>reasoning process here</think><answer>answer here</answer>", None),
        ("<think>It is A or B, I can't tell.</think>\n<answer>A or B</answer>", None),
    ],
    "answer tags": [
        ("<answer>A</answer>", "A"), ("<answer> b </answer>", "B"), ("<answer>Option C</answer>", "C"),
        ("<ANSWER>C</ANSWER>", "C"), ("<answer>D. Closes the drawer with her left hand</answer>", "D"),
        ("<answer>The answer is B</answer>", "B"), ("<answer>\\boxed{A}</answer>", "A"),
        ("<answer>Opens the fridge and takes out the milk</answer>", "A"), ("<answer>[B]</answer>", "B"),
        ("<answer>D</answer><|im_end|>", "D"), ("<answer>D</answer>\n<answer>D</answer>", "D"),
        ("<answer>\nC\n</answer>", "C"), ("answer>C</answer>", "C"), ("<answer>the phone</answer>", "C"),
        ("<answer>**B**</answer>", "B"), ("I put my answer between the tags: <answer> C </answer>", "C"),
        ("[ANSWER]D[/ANSWER]", "D"),
        ("She moves to the fridge, not to the sink (B) or the table (C). <answer>A</answer>", "A"),
        ("<answer>B</answer>\nNote that A and C are also seen in the clip, but later.", "B"),
        ("<answer></answer>", None), ("<answer>A, C</answer>", None), ("<answer>E</answer>", None),
        ("<answer>unknown</answer>", None), ("<answer>A or B</answer>", None), ("<answer>A/B/C/D</answer>", None),
        ("<answer>your choice</answer>", None),
        ("<answer>A: Opens the fridge and takes out the milk\nB: Washes the cutting board in the sink\nC: "
         "Picks up the phone from the table\nD: Closes the drawer with her left hand</answer>", None),
        ("<answer>She leaves the kitchen</answer>", None), ("</answer>", None),
    ],
    "boxed": [
        ("\\boxed{B}", "B"), ("$\\boxed{C}$", "C"), ("The final answer is $\\boxed{\\text{D}}$.", "D"),
        ("\\boxed{(b)}", "B"), ("\\boxed{\\text{A. Opens the fridge and takes out the milk}}", "A"),
        ("\\(\\boxed{\\mathrm{C}}\\)", "C"), ("\\boxed{D", "D"), ("\\boxed{\\textbf{(A)}}", "A"), ("boxed{C}", "C"),
        ("\\boxed{\\text{Picks up the phone from the table}}", "C"), ("\\[\n\\boxed{B}\n\\]", "B"),
        ("\\boxed{\\text{Option } A}", "A"), ("$\\textbf{Answer: } B$", "B"),
        ("Option A needs an open fridge and option C a phone. Only the board is wet.\n\nFinal answer: "
         "$\\boxed{B}$", "B"),
        ("\\boxed{}", None), ("\\boxed{A, D}", None), ("\\boxed{E}", None), ("\\boxed{A \\text{ or } C}", None),
        ("\\boxed{", None), ("\\boxed{\\text{Cannot be determined}}", None),
    ],
    "json": [
        ('{"answer": "C"}', "C"), ('```json\n{"answer": "B", "confidence": 0.82}\n```', "B"),
        ("{'answer': 'D'}", "D"), ('{"reasoning": "A hand opens the fridge.", "answer": "A"}', "A"),
        ('{"reason": "She closes the drawer; A and B come later.", "choice": "D"}', "D"),
        ('{"final_answer": "(C)"}', "C"), ('{"answer": "Picks up the phone from the table"}', "C"),
        ('{"A": 0.05, "B": 0.85, "C": 0.05, "D": 0.05}', "B"),
        ('{"A": false, "B": false, "C": true, "D": false}', "C"), ('{"answer": "C"', "C"),
        ('{"option": "B", "text": "Washes the cutting board in the sink"}', "B"),
        ('[{"label": "D", "evidence": "00:12-00:15"}]', "D"),
        ('{"answer": {"letter": "A", "text": "Opens the fridge and takes out the milk"}}', "A"),
        ('{"options": ["A", "B", "C", "D"], "answer": "B"}', "B"),
        ("answer: D\nconfidence: high\nevidence: left hand at 0:09", "D"),
        ('Here is the result:\n```json\n{\n  "thought": "not A, the fridge is shut",\n  "answer": "B"\n}\n'
         "```", "B"),
        ('{"answer": null}', None), ('{"answer": ["A", "B"]}', None), ('{"answer": ""}', None),
        ('{"answer": "E"}', None), ('{"A": 0.25, "B": 0.25, "C": 0.25, "D": 0.25}', None),
        ('{"reasoning": "She stands in front of the fridge and', None),
        ('{"answer": "cannot be determined", "options_considered": ["A", "C"]}', None),
        ('{"error": "video not found"}', None), ('{"options": ["A", "B", "C", "D"]}', None),
    ],
    "tool calls": [
        ('<tool_call>{"name": "submit_answer", "arguments": {"answer": "D"}}</tool_call>', "D"),
        ('submit_answer("B")', "B"), ('finish(answer="C")', "C"), ("Action: final_answer\nAction Input: A", "A"),
        ("Thought: the board is under the tap.\nFinal Answer: B", "B"),
        ('<tool_call>{"name": "search", "arguments": {"query": "phone"}}</tool_call>\n<tool_response>phone '
         "found at 00:31</tool_response>\nThe answer is C.", "C"),
        ("<function=answer><parameter=letter>C</parameter></function>", "C"),
        ('<tool_call>\n{"name": "crop_video", "arguments": {"start": 10, "end": 20}}\n</tool_call>', None),
        ('<tool_call>{"name": "search", "arguments": {"query": "option B cutting board"}}</tool_call>', None),
        ("Thought: I need to see the frames around the sink to decide between B and D.\nAction: "
         'get_frames\nAction Input: {"t": 42}', None),
        ('<tool_call>{"name": "zoom", "arguments": {"camera": "A", "t": 12}}</tool_call>', None),
        ("<function=get_clip><parameter=start>00:10</parameter>", None),
    ],
    "eliminations": [
        ("A and B are ruled out, and C happens earlier, so D.", "D"), ("A - no. B - no. C - yes. D - no.", "C"),
        ("It is not A. It is not B. It is not D. So it has to be C.", "C"), ("Everything but A is wrong.", "A"),
        ("Options A, C and D can be excluded because the fridge, the phone and the drawer are never "
         "touched. That leaves B.", "B"),
        ("Neither A nor B nor D fits; the phone is the only thing she touches. Answer: C", "C"),
        ("Not A, because the fridge is closed. Not C, because there is no phone. Between B and D, the "
         "water is running, so B.", "B"),
        ("Between B and D, D is better.", "D"),
        ("All of the options except C happen later in the video, so C comes next.", "C"),
        ("B can't be right. C can't be right either. That leaves A and D, and since she pushes something "
         "shut, it is D.", "D"),
        ("A is incorrect. B is incorrect. C is correct. D is incorrect.", "C"),
        ("A: unlikely\nB: impossible\nC: unlikely\nD: very likely", "D"), ("By elimination, A.", "A"),
        ("A and B are ruled out.", None),
        ("We can rule out C. Of the rest, A needs an open fridge and D needs a drawer.", None),
        ("B can't be right. C can't be right either. That leaves A and D.", None),
        ("A is incorrect. B is incorrect. C is incorrect. D is incorrect.", None),
        ("A: possible\nB: impossible\nC: possible\nD: impossible", None),
    ],
    "negations": [
        ("It's certainly not D; it's A.", "A"), ("The answer isn't A but B.", "B"),
        ("The answer is B, not A.", "B"), ("Not A but C.", "C"), ("It is D rather than B.", "D"),
        ("Instead of A, the right answer is C.", "C"), ("There is no doubt that the answer is B.", "B"),
        ("I can't think of any reason to reject C, so C.", "C"), ("The answer is none other than D.", "D"),
        ("She does not wash the board. She takes the phone.", "C"), ("The answer is not B.", None),
        ("Not C.", None), ("It isn't A or B.", None), ("Option D is wrong.", None),
        ("I don't think the answer is C.", None), ("She doesn't open the fridge.", None),
        ("A cannot be the answer.", None), ("I would not choose B.", None),
        ("The answer is neither A nor D.", None), ("Nothing in the video supports option A.", None),
    ],
    "self-corrections": [
        ("B... wait, no, it is C.", "C"), ("Answer: D\n\nCorrection: Answer: C", "C"),
        ("C? No. B? No. D? Yes.", "D"),
        ("The answer is A. Hmm, actually no: the fridge was already open. The answer is B.", "B"),
        ("I first thought A, but on a second look it is D.", "D"), ("A! Oh, sorry, I meant B.", "B"),
        ("At first glance B seems right. However, the board is dry, so A.", "A"),
        ("My initial answer was C, but I change it to A.", "A"), ("I said B before and I stay with B.", "B"),
        ("Wait, is it A? No, B. Hmm, no, I was right the first time, it is A.", "A"),
        ("The answer is C. Wait, let me check again. Yes, the phone is on the table and she takes it. The "
         "answer is C.", "C"),
        ("I was going to say D, but that is her right hand, so D is wrong. I now believe it's A.", "A"),
        ("~~A~~ B", "B"), ("Actually, I'd like to revise my answer from (A) to (B).", "B"),
        ("Answer: B (changed from A)", "B"), ("Answer: C (previously: D)", "C"),
        ("The answer is B.\n\nLet me double-check. The board is never wet. Final answer: D", "D"),
        ("Let me reconsider. A is not it. Hmm. Neither is B. I take back what I said. I don't know.", None),
        ("B. Wait, that happens earlier. So not B. But then which one? A? C?", None),
        ("I withdraw my answer A.", None), ("It's A. No. It's B. No. It's C. No. It's D. No.", None),
    ],
    "lower case": [
        ("a", "A"), ("b)", "B"), ("answer is c", "C"), ("i think d", "D"),
        ("(c) picks up the phone from the table", "C"), ("option d.", "D"),
        ("the answer is b because a is not shown", "B"), ("i would go for a.", "A"), ("d is the answer", "D"),
        ("answer: a", "A"), ("opens the fridge and takes out the milk", "A"), ("a or b", None),
        ("neither a nor b", None), ("it is a video of a kitchen", None), ("i see a woman with a knife", None),
        ("a woman", None), ("idk", None),
    ],
    "small model": [
        ("assistant\n\nB", "B"), ("Answer: Answer: C", "C"), ("option:D", "D"), ("ANSWER=B", "B"),
        ("C C. Picks up the phone from the table", "C"), ("ASSISTANT: The answer is A.</s>", "A"),
        ("<s> D </s>", "D"), ("### Response:\nC", "C"), ("a person opens the fridge and takes milk out", "A"),
        ("fridge", "A"), ("▁B", "B"),
        ("The woman is washing the cutting board in the sink the cutting board.", "B"),
        ("the answer is the option with the fridge", "A"), ("Answer:B.Washes the cutting board in the sink", "B"),
        ("D.Closes", "D"), ("A person.", None), ("The woman", None), ("kitchen", None),
        ("The image shows a kitchen with a sink and a table.", None), ("In the video, a woman is cooking.", None),
    ],
    "whole transcripts": [
        ("Based on the video, here's the sequence of events:\n\n*   **00:00-00:04:** The camera wearer "
         "cuts an onion.\n*   **00:05:** She puts down the knife.\n*   **00:06-00:09:** She reaches for "
         "the phone that lies on the table.\n\nTherefore, the correct answer is **C**.", "C"),
        ("After she puts down the knife, the camera turns to the sink. The tap is on, and she holds the "
         "cutting board under the water.\n\nSo the correct answer is **B. Washes the cutting board in the "
         "sink**.", "B"),
        ("The video is shot from a first-person view. A woman is seen cutting vegetables. A knife and a "
         "board are in front of her. She then turns to the fridge, opens it and takes out a carton of "
         "milk.\n\nThe other options can be discarded:\n- **B** happens at the start.\n- **C** is not "
         "seen.\n- **D** is done with the right hand.\n\n**A**", "A"),
        ("Got it, let's see. The question is about what she does right after putting down the knife. Frame "
         "12: knife on the board. Frame 13: left hand at the drawer. Frame 14: drawer closed. So option "
         "D.\n</think>\n\n<answer>D</answer>", "D"),
        ("I'll analyze the frames in order.\n\nFrame 1-3: cutting. Frame 4: the knife is put down. Frame "
         "5-8: the phone is lifted.\n\nThe evidence best supports **(C) Picks up the phone from the "
         "table**. Options A and B involve the fridge and the sink, which are not in view.", "C"),
        ("The footage shows:\n1. Cutting (A woman at the counter)\n2. Knife put down\n3. Tap opened\n4. "
         "Board rinsed\n\nMy answer: B", "B"),
        ("This is a first-person video of a woman in a kitchen. A knife lies on the board. The fridge is "
         "on the right, the sink is on the left, and a phone is on the table. The lighting is bright, and "
         "the mood is calm.", None),
        ("To find the answer, let's consider each option:\n\nA. The fridge is visible in several frames.\n"
         "B. The sink is visible in several frames.\nC. The phone is visible in one frame.\nD. The drawer "
         "is visible in one frame.\n\nMore frames would be needed to tell which of these happens right "
         "after the knife is put down.", None),
        ("I don't have enough visual context to say with certainty. The frames show a woman near both the "
         "sink (B) and the drawer (D). Could you provide more frames?", None),
        ("The question asks for the correct answer among options A to D. The knife is put down at 00:05. "
         "At 00:06 a drawer is pushed shut with the left hand. This matches option D. The correct answer "
         "is not A, because the fridge is opened only at 00:20.", "D"),
        ("- A matches the frames at 00:40.\n- B matches the frames at 00:06.\n- C matches the frames at "
         "00:25.\n- D matches the frames at 00:33.\n\nSince the knife is put down at 00:05, B comes right "
         "after.", "B"),
        ("The final answer will be given as a single letter (A, B, C or D).\n\nC", "C"),
        ("I will answer with a single letter. A", "A"),
        ("One could argue for A because the fridge light is on, but a phone in the hand is a phone in the "
         "hand: C it is.", "C"),
        ("Final answer (A, B, C, or D): B", "B"), ("Final answer (A, B, C, or D):", None),
        ("Answer (one letter): ___", None),
    ],
}
# fmt: on

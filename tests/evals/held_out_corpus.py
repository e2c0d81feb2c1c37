"""Outputs of vision-language models with the letter that a careful person reads in them: part one of three.

The author wrote all of it from memory of what such models write, and had not seen the code that reads answers, its
tests (but for one line, whose form is not used here) or any other corpus. So the first score of a reader on these
cases says how it does on forms that it was not written for. Once a reader was mended after a failure here, later
scores say less. The letters were given by careful reading alone; no reader was run to find or check one.

How the letters were given (A to D, or None where the output has not settled on exactly one of the four):
- What is put forward as the answer counts; thoughts before it do not, and a later correction beats what it corrects.
- A guess counts ("probably B"), and so does the one option that scores or ranks best.
- Two options left over, two answers side by side, a refusal, a bare list of the options or an option that is only
  denied give None; so does a text cut off before the choice.
- An option may be named by letter, by text or paraphrase, or by its place in the list.
- Where two careful people might disagree, the case was left out.

`OPTIONS` holds the options by name of the set, `QUESTIONS` what was asked, and `OPTIONS_OF` the set of each family.
"""

OPTIONS: dict[str, dict[str, str]] = {
    "things": {
        "A": "A wooden spoon",
        "B": "The blue kettle",
        "C": "A pair of scissors",
        "D": "The white mug",
    },
}
QUESTIONS = {
    "things": "What does the camera wearer pick up after closing the drawer?",
}
OPTIONS_OF = {
    "bare letter": "things",
    "said plainly": "things",
    "explained after the answer": "things",
    "chain of thought": "things",
    "echo": "things",
    "option text or paraphrase": "things",
    "place in the list": "things",
    "letter in a word or name": "things",
    "hedges": "things",
    "refusals": "things",
    "outside A-D": "things",
    "empty": "things",
    "truncated": "things",
    "loops": "things",
    "several answers": "things",
    "conditionals": "things",
    "scores per option": "things",
    "markdown": "things",
    "html and emoji": "things",
}
# fmt: off
CORPUS: dict[str, list[tuple[str, str | None]]] = {
    "bare letter": [
        ("B", "B"), ("C.", "C"), ("(D)", "D"), ("d", "D"), (" A\n", "A"), ("B)", "B"), ("[D]", "D"),
        ("C. A pair of scissors", "C"), ("B: The blue kettle", "B"), ("(a) A wooden spoon", "A"),
        ("D, the white mug.", "D"), ("Option B", "B"), ("option c", "C"), ("'A'", "A"), ("`D`", "D"),
        ("B<|im_end|>", "B"), ("C</s>", "C"), ("$B$", "B"), ("D\n\n\n", "D"), ("A. A wooden spoon", "A"),
    ],
    "said plainly": [
        ("Answer: C", "C"), ("answer: b", "B"), ("The correct answer is D.", "D"), ("The answer is (A).", "A"),
        ("The correct option is B: The blue kettle.", "B"), ("I would choose option C.", "C"),
        ("The best choice would be option (C).", "C"), ("My answer is D, the white mug.", "D"),
        ("Final answer: A", "A"), ("Ans: D", "D"), ("It's C.", "C"), ("A is the right one here.", "A"),
        ("I'd go with B", "B"), ("I pick D!", "D"), ("Answer:\nB", "B"), ("Answer B", "B"), ("Answer - C", "C"),
        ("Selected option: C", "C"), ("So, C.", "C"), ("That would be B.", "B"),
        ("Out of the four, A matches what the video shows.", "A"),
        ("Based on the video, the correct answer is:\n\nD. The white mug", "D"),
        ("The camera wearer picks up the blue kettle, so the answer is B.", "B"),
        ("Based on the first-person footage, the person picks up a pair of scissors after closing the "
         "drawer. Therefore, the correct answer is C.", "C"),
        ("Looking at the frames, I can see that after the drawer closes at around 0:07, the right hand "
         "reaches for the white mug on the counter.\n\n**Answer: D**", "D"),
        ("Sure! The correct answer is **D) The white mug**.\n\nLet me know if you have any other questions "
         "about the video!", "D"),
    ],
    "explained after the answer": [
        ("B. The other objects (a wooden spoon, scissors, a white mug) are visible on the counter but are "
         "never touched.", "B"),
        ("C\n\nExplanation: The drawer is closed at the beginning. After that, the hand reaches for the "
         "scissors. The kettle (B) and the mug (D) stay in the background.", "C"),
        ("Answer: D. A and B are not shown at all, and C is shown only before the drawer is closed.", "D"),
        ("(A) A wooden spoon. While B is also visible in the scene, it is not picked up.", "A"),
        ("The answer is B. Option A is in the drawer, option C is on the wall, and option D is in the sink.", "B"),
        ("D\n\nWhy not A? The spoon stays in the drawer.\nWhy not B? The kettle is on the stove.\nWhy not "
         "C? The scissors are not visible.", "D"),
        ("**Correct answer: C**\n\n- A: not in the frame\n- B: stays on the stove\n- C: picked up at 0:12\n"
         "- D: in the dishwasher", "C"),
        ("B is correct because the kettle is lifted; A, C and D are incorrect.", "B"),
        ("Answer: A\nReason: A person can be seen holding a wooden spoon right after the drawer closes.", "A"),
        ("C. Although a careless viewer might say D, the mug is only pushed aside.", "C"),
    ],
    "chain of thought": [
        ("Let's think step by step.\n1. The drawer is closed at 00:05.\n2. The hand moves left to the "
         "stove.\n3. The hand grips the handle of the blue kettle.\nTherefore, the answer is B.", "B"),
        ("First, I look at the drawer. A hand closes it. Then the same hand reaches to the rack. A mug is "
         "on the rack, and it is white. So the answer is D.", "D"),
        ("Let me go through the options.\nA. A wooden spoon - it is in the jar, but not touched.\nB. The "
         "blue kettle - it is on the stove, but not touched.\nC. A pair of scissors - the hand picks them "
         "up at 0:11.\nD. The white mug - it is not visible.\n\nSo the answer is C.", "C"),
        ("To answer this question, we need to see what happens after the drawer is closed. The wearer "
         "turns to the jar of cooking tools. In conclusion, the object is the wooden spoon.", "A"),
        ("Observation: drawer closed, kettle untouched, mug untouched. Inference: something small and "
         "metallic is in the hand. Conclusion: (C).", "C"),
        ("The mug is in the sink, so D is out. The spoon is in the jar, so A is out. The scissors hang on "
         "the wall all the time, so C is out. What remains is B.", "B"),
        ("Step 1: Identify the drawer. Option A, B, C and D all lie near it.\nStep 2: Follow the right "
         "hand.\nStep 3: The hand lifts a mug.\n\nD", "D"),
    ],
    "echo": [
        ("A. A wooden spoon\nB. The blue kettle\nC. A pair of scissors\nD. The white mug", None),
        ("A. A wooden spoon\nB. The blue kettle\nC. A pair of scissors\nD. The white mug\nAnswer: B", "B"),
        ("A. A wooden spoon\nB. The blue kettle\nC. A pair of scissors\nD. The white mug\nAnswer:", None),
        ("Question: What does the camera wearer pick up after closing the drawer?", None),
        ("What does the camera wearer pick up after closing the drawer?\nA. A wooden spoon\nB. The blue "
         "kettle\nC. A pair of scissors\nD. The white mug\n\nC", "C"),
        ("Answer with the option's letter from the given choices directly.", None),
        ("Please select A, B, C or D.", None),
        ("The options are: (A) A wooden spoon (B) The blue kettle (C) A pair of scissors (D) The white mug.", None),
        ("The options are: (A) A wooden spoon (B) The blue kettle (C) A pair of scissors (D) The white "
         "mug. The answer is (D).", "D"),
        ("The camera wearer picks up one of four things: a wooden spoon, the blue kettle, a pair of "
         "scissors, the white mug.", None),
        ("A. A wooden spoon\nB. The blue", None),
        ("A. A wooden spoon\n**B. The blue kettle**\nC. A pair of scissors\nD. The white mug", "B"),
        ("[ ] A wooden spoon\n[ ] The blue kettle\n[x] A pair of scissors\n[ ] The white mug", "C"),
        ("A. A wooden spoon\nB. The blue kettle <-- correct\nC. A pair of scissors\nD. The white mug", "B"),
        ("A wooden spoon, the blue kettle, a pair of scissors or the white mug?", None),
        ("user\nWhat does the camera wearer pick up after closing the drawer?\nassistant\nD", "D"),
        ("system\nYou are a helpful assistant.\nuser\nWhat does the camera wearer pick up after closing "
         "the drawer?\nassistant\n", None),
        ("Possible answers: A, B, C, D. Chosen answer: A", "A"),
        ("Choose one of the following: A, B, C, D. I choose B.", "B"), ("A) B) C) D)", None),
    ],
    "option text or paraphrase": [
        ("The blue kettle", "B"), ("the white mug.", "D"), ("A wooden spoon", "A"), ("a pair of scissors", "C"),
        ("scissors", "C"), ("Kettle", "B"), ("THE BLUE KETTLE", "B"), ("It's the mug.", "D"),
        ("a spoon made of wood", "A"), ("Blue kettle, clearly.", "B"),
        ("He picks up the blue kettle from the stove.", "B"),
        ("The person closes the drawer and then takes the white mug to pour coffee.", "D"),
        ("She takes the white cup.", "D"),
        ("The object that the wearer picks up is a wooden spoon, which is then used to stir the pot.", "A"),
        ("The wearer picks up the scissors, not the kettle.", "C"),
        ("The kettle and the mug are on the counter, but it is the spoon that is picked up.", "A"),
        ("the cutting tool with two blades", "C"), ("The thing used to boil water.", "B"), ("a red apple", None),
        ("The wearer picks up a plate.", None), ("a knife", None), ("The wearer closes the drawer.", None),
        ("The wearer picks up the kettle and the mug.", None), ("the white mug or the blue kettle", None),
        ("The wearer does not pick up the white mug.", None),
        ("The video shows a kitchen with a stove and a window.", None),
    ],
    "place in the list": [
        ("The second option", "B"), ("The last one.", "D"), ("The first option is correct.", "A"),
        ("I'd pick the third choice.", "C"), ("2nd option", "B"), ("Option two, the blue kettle.", "B"),
        ("option 3", "C"), ("The first two options are wrong and so is the last, hence the third one.", "C"),
        ("The fifth option.", None), ("the first or the second", None), ("Not the first option.", None),
        ("The last option can be excluded.", None),
        ("The object is picked up in the second half of the video.", None),
        ("First, the drawer is closed. Second, the wearer turns around.", None),
    ],
    "letter in a word or name": [
        ("A man is standing in a kitchen.", None), ("A person closes the drawer and walks away.", None),
        ("N/A", None), ("Vitamin C bottles stand on the shelf.", None),
        ("Plan B would be to watch the clip again.", None), ("A drawer", None),
        ("The label on the box says 'D'.", None),
        ("C is the programming language shown on her laptop screen.", None),
        ("In scene A the drawer is open, in scene B it is closed.", None),
        ("A. Smith wrote the label on the jar.", None), ("Camera D was used to record the clip.", None),
        ("Bread", None), ("DAY1", None), ("ABCD", None), ("Don't know", None), ("Apple, banana, carrot", None),
        ("A: Hello! How can I help you?", None), ("Because", None),
        ("The person wears a T-shirt with a big letter A and picks up the white mug.", "D"),
        ("Mr. B picks up the scissors.", "C"), ("Section C of the shelf is empty. The answer is A.", "A"),
        ("At point B the wearer stops. Answer: D", "D"), ("Q: What does she pick up?\nA: The white mug.", "D"),
        ("Q: What does she pick up?\nA: B", "B"), ("As an attentive viewer, I choose C.", "C"),
        ("A clear case: B.", "B"), ("Dear user, the object is the kettle.", "B"),
    ],
    "hedges": [
        ("Probably B.", "B"), ("I'm not sure, but I think it is C.", "C"), ("My best guess is D.", "D"),
        ("Most likely A, though B is possible too.", "A"), ("If I had to pick, I'd say C.", "C"),
        ("B or C, but more likely C.", "C"), ("Both B and D are plausible, but B is the better fit.", "B"),
        ("A, with D as a close second.", "A"), ("I lean towards D but with low confidence.", "D"),
        ("It's a toss-up between C and D; I'll say D.", "D"),
        ("I believe the answer might be B, because the kettle is nearer to the hand than anything else.", "B"),
        ("Without sound it's hard to be certain, but the visual evidence points to option C.", "C"),
        ("Not enough information, but among the given choices A is the closest.", "A"),
        ("It is either B or C.", None), ("Either A or D, I can't decide.", None),
        ("It could be B. It could also be D.", None), ("Could be anything.", None), ("A/B", None),
        ("A or B?", None), ("Both A and C are plausible.", None),
        ("Any of them might be right: A, B, C or D.", None), ("It's a toss-up between C and D.", None),
        ("At least one of A and C is right.", None),
        ("I would say B, but it may just as well be D, so I can't choose.", None),
    ],
    "refusals": [
        ("I'm sorry, but I can't watch videos.", None),
        ("I cannot determine the answer from the frames provided.", None),
        ("As an AI language model, I do not have access to the video. Could you describe it?", None),
        ("I don't know.", None), ("I can't see a drawer in this video. Please upload the video again.", None),
        ("No answer.", None), ("Unknown", None),
        ("I apologize, but no video was attached. If you share it, I can tell you whether A, B, C, or D is "
         "right.", None),
        ("I do not have enough information to choose between A, B, C and D.", None),
        ("A video is needed to answer this.", None),
        ("The question cannot be answered. A drawer is visible, but the clip ends before it is closed.", None),
        ("Error: CUDA out of memory.", None), ("I'd rather not guess.", None),
        ("Unfortunately, I can't view the video. However, if I had to guess from the options alone, I "
         "would pick B.", "B"),
        ("I can't be 100% sure because the frames are blurry. Still, the answer is D.", "D"),
        ("Sorry for the confusion earlier. The correct answer is A.", "A"),
    ],
    "outside A-D": [
        ("E", None), ("F. The red bowl", None), ("The answer is E.", None), ("X", None), ("Yes", None),
        ("True", None), ("42", None), ("All of the above.", None), ("None of the above.", None),
        ("None of the options is correct. She picks up a plate.", None),
        ("The correct answer is not listed. It should be a plate, so I would add an option E.", None),
    ],
    "empty": [
        ("", None), (" ", None), ("\n\n\n", None), (".", None), ("...", None), ("<|im_end|>", None), ("</s>", None),
        ("()", None), ("**", None), ("\u200b", None), ("{}", None), ("-", None),
    ],
    "truncated": [
        ("The answer is", None), ("Answer:", None), ("Based on the video, the correct answer is option", None),
        ("The person in the video closes the drawer and then reaches for the", None),
        ("The correct answer is **", None),
        ("Let's analyze the options one by one. A. A wooden spoon: The video shows a spoon in the jar. B. "
         "The blue ket", None),
        ("To decide between A and", None), ("Therefore, the best answer is\n\n", None),
        ("Options A and B can be ruled out since the stove is off and the jar is empty. Looking at C, the", None),
        ("Option A: the spoon is not used. Option B: the kettle is not used. Option C: the scissors are", None),
        ("B. The blue ke", "B"), ("The answer is (C", "C"),
        ("The correct answer is D. The white mug is picked up because", "D"),
        ("I think the answer is C because the scissors are in her hand when she tu", "C"),
        ("Answer: B\n\nExplanation: In the vid", "B"),
    ],
    "loops": [
        ("B B B B B B", "B"), ("The answer is C. The answer is C. The answer is C. The an", "C"),
        ("Answer: D\nAnswer: D\nAnswer: D\nAnswer:", "D"),
        ("B. The blue kettle\nB. The blue kettle\nB. The blue kettle", "B"),
        ("C\n\nQuestion: What color is the drawer?\nOptions:\nA. Red\nB. Green\nC. Blue\nD. White\nAnswer: "
         "A", "C"),
        ("the the the the the the", None), ("A\nB\nC\nD\nA\nB\nC\nD\nA\nB", None), ("!!!!!!!!!!!!", None),
        ("The person picks up the object. The person picks up the object. The person picks", None),
        ("Wait, maybe A. Wait, maybe B. Wait, maybe A. Wait, maybe B. Wait, maybe", None),
    ],
    "several answers": [
        ("Answer: B. So the final answer is B.", "B"), ("The answer is C, i.e. a pair of scissors. Thus C.", "C"),
        ("Model 1: A\nModel 2: A\nModel 3: B\nMajority: A", "A"),
        ("One might say A, another might say B. I say D.", "D"), ("A and C", None),
        ("First answer: B. Second answer: D.", None), ("(B) (D)", None), ("The correct answers are A and D.", None),
        ("A & B", None), ("A+C", None), ("Both B and C are correct.", None), ("Some say A, some say B.", None),
        ("B, D", None), ("Answer: A, B, C", None),
    ],
    "conditionals": [
        ("If the drawer is on the left, the answer is A; if it is on the right, the answer is B.", None),
        ("If you mean the first drawer, then C. If you mean the second drawer, then D.", None),
        ("If the answer were A, we would see a spoon. We do not.", None),
        ("It depends: A if he cooks, D if he drinks.", None),
        ("The answer would be D if the mug were white, but it is green.", None),
        ("Answer A only if you are sure; otherwise answer B.", None),
        ("If it is closed with the left hand, A; it is closed with the right one, so B.", "B"),
        ("If the kettle had been moved, I would say B. It stays where it is, so D.", "D"),
        ("Unless the clip is mirrored, the answer is C.", "C"), ("Provided the timestamps are right, D.", "D"),
        ("If it were B we'd see steam. If it were C we'd hear a cut. Neither happens, and no spoon is in "
         "sight, so it must be the mug.", "D"),
        ("Suppose A. Then the pot must be open. It is not. Suppose B. Then the stove must be on. It is. So "
         "B holds.", "B"),
        ("Had she gone to the stove it would be B, but she went to the desk, hence C.", "C"),
    ],
    "scores per option": [
        ("A: 5%\nB: 80%\nC: 10%\nD: 5%", "B"), ("A 0.1, B 0.2, C 0.6, D 0.1 → C", "C"),
        ("Confidence: 90%\nAnswer: A", "A"), ("Scores: A=2/10, B=3/10, C=1/10, D=9/10. Best: D", "D"),
        ("D (confidence: low)", "D"), ("B (70%), C (30%)", "B"),
        ("Likelihood per option: A low, B low, C high, D low.", "C"), ("C – 99.9% sure", "C"),
        ("Ranking: D > B > A > C", "D"), ("Ranked from least to most likely: C, A, D, B", "B"),
        ("A: 25%, B: 25%, C: 25%, D: 25%", None), ("50% B, 50% C", None), ("A: 45%, B: 45%, C: 5%, D: 5%", None),
        ("Confidence: 95%", None), ("I'm 60% sure it's not A.", None),
    ],
    "markdown": [
        ("### Answer\n**B**", "B"),
        ("## Analysis\nThe drawer closes.\n\n## Final Answer\nC. A pair of scissors", "C"), ("> D", "D"),
        ("- B", "B"), ("| Option | Verdict |\n|---|---|\n| A | no |\n| B | no |\n| C | no |\n| D | yes |", "D"),
        ("***A***", "A"), ("**Answer:** D", "D"), ("**B**. The blue kettle", "B"),
        ("The answer is **not A** but **D**.", "D"), ("```\nC\n```", "C"),
        ("**Option A** is shown early, **option B** is shown late.\n\n**Answer: A**", "A"),
        ("---\n\n**C**\n\n---", "C"), ("**Final Answer: The blue kettle**", "B"),
        ("**Reasoning:** A hand lifts the mug at 0:06.\n\n**Option:** D", "D"), ("**A** **B** **C** **D**", None),
        ("### Options\n- **A**: A wooden spoon\n- **B**: The blue kettle\n- **C**: A pair of scissors\n- "
         "**D**: The white mug", None),
        ("## Answer\n\n", None),
    ],
    "html and emoji": [
        ("<b>C</b>", "C"), ("<p>The answer is <strong>B</strong>.</p>", "B"), ('<div class="answer">D</div>', "D"),
        ("A&nbsp;", "A"), ("<br>B<br>", "B"), ("<del>A</del> <ins>C</ins>", "C"),
        ("<li>A</li><li>B</li><li>C</li><li>D</li>", None), ("<html><body></body></html>", None),
        ('<a href="https://example.com">video</a>', None), ("✅ B", "B"), ("A ❌ B ✅ C ❌ D ❌", "B"),
        ("👉 C", "C"), ("The answer is D 😊", "D"), ("🎉 Correct answer: A 🎉", "A"), ("🅱️", "B"),
        ("A 👎 B 👎 C 👍 D 👎", "C"), ("❌ A", None), ("🤷", None), ("😀😀😀", None),
    ],
}
# fmt: on

"""Outputs with the letter that a careful person reads in them, part three of three: awkward options and languages.

The rules and the shape are those of `held_out_corpus.py`; the author is the same and had not seen the readers either.
"""

OPTIONS: dict[str, dict[str, str]] = {
    "numbers": {
        "A": "2",
        "B": "3",
        "C": "4",
        "D": "None of the above",
    },
    "sentences": {
        "A": "The person is looking for the keys on the desk",
        "B": "The person is looking for the keys in the bag",
        "C": "The person has found the keys on the desk",
        "D": "The person has found the keys in the bag",
    },
    "chinese": {
        "A": "切菜",
        "B": "洗碗",
        "C": "打开冰箱门",
        "D": "给植物浇水",
    },
}
QUESTIONS = {
    "numbers": "How many cups are on the table at the end of the clip?",
    "sentences": "Which sentence describes the end of the clip?",
    "chinese": "佩戴者接下来做什么？",
}
OPTIONS_OF = {
    "numbers": "numbers",
    "overlapping sentences": "sentences",
    "Chinese": "chinese",
    "Japanese and Korean": "numbers",
    "Spanish, Portuguese and Italian": "numbers",
    "German and French": "numbers",
    "Arabic and others": "numbers",
}
# fmt: off
CORPUS: dict[str, list[tuple[str, str | None]]] = {
    "numbers": [
        ("3", "B"), ("4.", "C"), ("three", "B"), ("None of the above", "D"),
        ("There are 3 cups on the table.", "B"), ("There are four cups.", "C"), ("The answer is 2.", "A"),
        ("A) 2", "A"), ("B (3)", "B"), ("C. 4", "C"),
        ("I count 2 cups at first, and one more is put down, so 3.", "B"), ("D. None of the above", "D"),
        ("\\boxed{4}", "C"), ("At 0:02 the wearer puts down a cup; at 0:04 another one. In total, 3 cups.", "B"),
        ("<answer>2</answer>", "A"), ("None of these, so D.", "D"),
        ("None of the above, because there are 7 cups.", "D"), ("Not 2 but 3.", "B"),
        ("There are 2 cups on the left and 2 cups on the right, so 4 in total.", "C"), ("4 cups (option C)", "C"),
        ("Two cups are red, one is blue: three in all.", "B"), ("2 cups and 3 plates", "A"),
        ("Frame 2 shows 4 cups at the end.", "C"),
        ("I see three cups first, then one is taken away, which leaves two.", "A"),
        ("It isn't 2, 3 or 4, so none of the above.", "D"),
        ("The answer is B, since 2 and 4 do not match the count.", "B"),
        ("A. 2\nB. 3\nC. 4\nD. None of the above\n\nAnswer: 3", "B"),
        ("Step 1: count the cups in frame 1 (2).\nStep 2: count the cups in frame 8 (4).\nThe clip ends "
         "with frame 8, so the answer is 4.", "C"),
        ("None of the options A, B and C matches the number of cups, so the answer is D.", "D"), ("2 or 3", None),
        ("Between 2 and 4, hard to say.", None), ("The number of cups cannot be seen.", None), ("Not 3.", None),
        ("1. The wearer sets the table.\n2. The wearer pours water.\n3. The wearer sits down.", None),
        ("2, 3, 4", None), ("2\n3\n4\nNone of the above", None), ("2 people are in the room.", None),
        ("The video lasts 4 seconds.", None), ("In frame 3, the table is hidden.", None), ("At least 2.", None),
        ("I'm only 3% sure about this.", None),
    ],
    "overlapping sentences": [
        ("The person has found the keys on the desk", "C"), ("The person is looking for the keys in the bag.", "B"),
        ("She is still searching the bag for her keys.", "B"), ("The keys were finally found in the bag.", "D"),
        ("At first the person is looking for the keys on the desk. By the end, the person has found the "
         "keys in the bag.", "D"),
        ("The person is not looking for the keys in the bag; the person has found the keys on the desk.", "C"),
        ("The person is looking for the keys on the desk. So the answer is A.", "A"),
        ("Looking for the keys on the desk", "A"),
        ("Both C and D say that the keys are found. They are found in the bag. So D.", "D"),
        ("the person has found the keys on the des", "C"),
        ("The statement 'The person has found the keys on the desk' is true; the other three are false.", "C"),
        ("A and C speak of the desk, B and D of the bag. It is the bag, and nothing is found, so B.", "B"),
        ("The search goes on, at the desk: A.", "A"),
        ('It is "The person is looking for the keys in the bag".', "B"),
        ("D: the keys have been found in the bag, and C is wrong about the place.", "D"),
        ('The bag is searched, but nothing has turned up yet. Hence "The person is looking for the keys in '
         'the bag" fits best, while "The person has found the keys in the bag" does not.', "B"),
        ("The person has found the keys.", None), ("The person is looking for the keys.", None),
        ("keys in the bag", None), ("The person", None), ("The person is looking for the keys", None),
        ("The person has not found the keys.", None),
        ("A and B are about the search, C and D about the find. The search is over, so it's C or D.", None),
        ("The person is looking for the keys on the desk\nThe person is looking for the keys in the bag\n"
         "The person has found the keys on the desk\nThe person has found the keys in the bag", None),
        ("The person has found the phone on the desk.", None),
        ("The statement 'The person has found the keys on the desk' is false.", None), ("It's about a bag.", None),
        ("I doubt that the person has found the keys in the bag.", None),
    ],
    "Chinese": [
        ("答案：B", "B"), ("选C。", "C"), ("B、洗碗", "B"), ("正确选项是D，因为他拿起水壶走向阳台。", "D"),
        ("洗碗", "B"), ("故选D", "D"), ("他打开了冰箱门，拿出牛奶。", "C"), ("佩戴者正在给花浇水。", "D"),
        ("不是A，是C。", "C"), ("第二个选项", "B"), ("选(A)", "A"), ("A不对，B不对，C也不对，所以只能是D。", "D"),
        ("最后一个选项", "D"), ("我觉得选B比较好。", "B"), ("**答案：C**", "C"),
        ("一开始我以为是A，但仔细看后应选B。", "B"),
        ("<think>他站在水池前，水龙头开着。</think>\n\n答案是B。", "B"), ("B选项正确", "B"),
        ("让我们逐一分析：\nA. 切菜：画面中没有刀。\nB. 洗碗：水池是空的。\nC. 打开冰箱门："
         "他的手放在冰箱门上。\nD. 给植物浇水：没有植物。\n因此答案为C。", "C"),
        ("选A不对，应选D。", "D"), ('{"答案": "A"}', "A"), ("最终答案是 \\boxed{D}", "D"),
        ("除了C以外都不可能。", "C"), ("C，打开冰箱门。", "C"), ("A项错误，B项正确，C项错误，D项错误。", "B"),
        ("这个人没有切菜，而是在洗碗。", "B"), ("正確答案是 B", "B"), ("根据视频，答案应为A：切菜。", "A"),
        ("应该是A或B，不确定。", None), ("无法确定。", None), ("A、B、C、D", None),
        ("抱歉，我看不到视频内容。", None), ("不选B。", None), ("如果他拿刀，就选A；如果他走向水池，就选B。", None),
        ("<think>他先看了冰箱，又看了水池，可能是B，也可能是C", None), ("以上都不是。", None),
        ("他在看电视。", None), ("A和B都不对。", None), ("没有打开冰箱门。", None), ("A还是B？很难说。", None),
        ("正确答案是", None), ("A. 切菜\nB. 洗碗\nC. 打开冰箱门\nD. 给植物浇水", None),
    ],
    "Japanese and Korean": [
        ("答えはBです。", "B"), ("正解はCです。カップが4つあります。", "C"), ("AではなくDです。", "D"),
        ("選択肢Aが正しいです。", "A"), ("AとDは違うので、Cだと思います。", "C"), ("答え：B（3）", "B"),
        ("わかりません。", None), ("BかCのどちらかです。", None),
        ("申し訳ありませんが、動画を見ることができません。", None), ("정답은 B입니다.", "B"), ("답: C", "C"),
        ("A가 아니라 B입니다.", "B"), ("두 번째 보기가 맞습니다.", "B"),
        ("정답은 D, 위의 어느 것도 아닙니다.", "D"), ("잘 모르겠습니다.", None), ("A 또는 C", None),
        ("영상을 볼 수 없습니다.", None),
    ],
    "Spanish, Portuguese and Italian": [
        ("La respuesta correcta es la B.", "B"), ("Respuesta: C", "C"), ("No es A ni B, es D.", "D"),
        ("A mi parecer, es la C.", "C"), ("Hay tres tazas en la mesa.", "B"),
        ("Al principio pensé en B, pero en realidad es A.", "A"), ("Ninguna de las anteriores", "D"),
        ("Ni A, ni B, ni C: la D.", "D"), ("No lo sé.", None), ("A o B", None),
        ("Las opciones A y C son posibles.", None), ("A veces no se ve bien la mesa.", None),
        ("Lo siento, no puedo ver el vídeo.", None), ("La respuesta correcta no es la B.", None),
        ("A resposta correta é a B.", "B"), ("A resposta é quatro.", "C"), ("A mesa não aparece no vídeo.", None),
        ("La risposta corretta è la D.", "D"), ("A mio parere è la C.", "C"), ("Ci sono due tazze.", "A"),
        ("E difficile da dire.", None),
    ],
    "German and French": [
        ("Die richtige Antwort ist B.", "B"), ("Antwort: D", "D"), ("Ich wähle C.", "C"),
        ("Es ist nicht A, sondern C.", "C"), ("Es sind vier Tassen.", "C"),
        ("A und B scheiden aus, D auch, also C.", "C"), ("Am Ende stehen zwei Tassen auf dem Tisch.", "A"),
        ("Entweder A oder B.", None), ("Keine Ahnung.", None), ("Das Video zeigt eine Küche.", None),
        ("B ist falsch.", None), ("La bonne réponse est la C.", "C"), ("Réponse : B", "B"),
        ("Ce n'est pas A, c'est B.", "B"), ("C'est la réponse B.", "B"),
        ("D'après la vidéo, la réponse est A.", "A"), ("Aucune des réponses ci-dessus, donc D.", "D"),
        ("Il y a trois tasses.", "B"), ("C'est difficile à dire.", None),
        ("D'abord, la personne ferme le tiroir.", None), ("A ou C", None),
        ("Il y a une table dans la cuisine.", None),
    ],
    "Arabic and others": [
        ("الإجابة الصحيحة هي B.", "B"), ("الجواب: C", "C"), ("ليست A بل C.", "C"), ("أختار الخيار A.", "A"),
        ("لا أعرف.", None), ("إما A أو B.", None), ("عذرًا، لا أستطيع مشاهدة الفيديو.", None),
        ("Правильный ответ: D", "D"), ("Не знаю.", None), ("Het juiste antwoord is B.", "B"),
        ("सही उत्तर C है।", "C"), ("Đáp án đúng là A.", "A"), ("Doğru cevap D.", "D"), ("D değil, A.", "A"),
        ("คำตอบคือ B", "B"), ("Prawidłowa odpowiedź to C.", "C"),
    ],
}
# fmt: on

"""Texts of the load test, written for it: everyday sentences, and abstracts."""

from collections.abc import Sequence
from random import Random

SENTENCES: Sequence[str] = (
    "Good morning.",
    "Thank you very much!",
    "Where is the train station?",
    "I would like a cup of coffee, please.",
    "The meeting starts at nine o'clock.",
    "Can you help me with my luggage?",
    "She has lived in this city for ten years.",
    "We are looking for a small house with a garden.",
    "My brother works in a hospital.",
    "It has been raining since yesterday evening.",
    "The children are playing in front of the school.",
    "How much does this book cost?",
    "Please close the window before you leave the room.",
    "I forgot my keys in the office.",
    "The museum is closed on Mondays.",
    "He reads the newspaper every morning before breakfast.",
    "Do you know when the next bus to the airport leaves?",
    "The old bridge over the river was rebuilt after the war.",
    "If the weather is good tomorrow, we will go to the mountains.",
    "The doctor told him to drink more water and to sleep longer.",
    "They bought fresh bread, cheese and apples at the market.",
    "Nobody knew why the lights in the whole street went out.",
    "Our neighbour has two dogs, three cats and a very loud parrot.",
    "The train to Vienna is forty minutes late because of snow on the tracks.",
    "I have never seen so many stars as on that night by the sea.",
    "The company wants to open a new factory in the north of the country next year.",
    "Although she was tired, she finished the letter and took it to the post office.",
    "The teacher explained the rule once more, and this time everybody understood it.",
    "When the guests arrived, the soup was already on the table and the candles were burning.",
    "Many people who moved to the village in the last few years work from home two days a week.",
    "The library lends not only books but also tools, musical instruments and board games.",
    "After a long discussion the council decided to plant two hundred trees along the main road.",
    "Yes, of course.",
    "See you tomorrow!",
    "What time is it?",
    "I don't know him.",
    "The soup is too hot.",
    "She smiled at the baby.",
    "Have you ever been to Spain?",
    "My phone is broken again.",
    "They arrived late because of the traffic.",
    "He wants to learn how to swim this summer.",
    "Could you speak a little more slowly, please?",
    "The shop on the corner sells fresh flowers.",
    "I will call you as soon as I am at home.",
    "There is a letter for you on the kitchen table.",
    "It is not easy to find a flat in this part of town.",
    "The boy who broke the window ran away.",
    "We had dinner in a small restaurant near the harbour.",
    "You should take an umbrella, it looks like rain.",
    "Her grandmother tells the best stories in the family.",
    "The bus stops in front of the hospital every twenty minutes.",
    "I bought this bicycle from a friend who moved abroad.",
    "Why did nobody tell me that the lesson was cancelled?",
    "The film was long, but we were not bored for a minute.",
    "Please write your name and your address on this form.",
    "He has been working on his first novel for almost three years.",
    "The cat sleeps on the sofa although it is not allowed to.",
    "If I had known about the party, I would have brought a cake.",
    "The new software saves all changes while you are typing.",
    "Click the button in the upper corner to open the settings.",
    "This function returns the number of lines in a file.",
    "The password must have at least eight letters and one number.",
    "Your browser does not support this feature; please install the latest version.",
    "An error occurred while the file was being read, so nothing was saved.",
    "The argument is a list of names, and the result is a new list in alphabetical order.",
    "If the connection is lost, the program waits for ten seconds and then tries again.",
    "You can choose which pages may send you messages and which may use your camera.",
    "When two threads write to the same file at the same time, the result is not defined.",
    "Most of the guests had already left when the musicians finally began to play.",
    (
        "The mayor said that the old market hall would not be torn down, but turned into a place "
        "for concerts and small shops."
    ),
    (
        "Scientists have found that birds in large cities sing earlier in the morning, because "
        "later the noise of the cars is too loud."
    ),
    (
        "My sister wanted to become a pilot when she was a child, then a teacher, and now she "
        "repairs clocks in a little workshop behind her house."
    ),
    (
        "If the value is missing, the default is used, unless the caller has asked for an error, "
        "in which case the message names the field and the file."
    ),
    (
        "After the storm we walked along the beach for hours and found pieces of wood, a broken "
        "lamp, two bottles and the name plate of a ship."
    ),
    (
        "The hotel that we had booked was closed, so we spent the first night in the car and the "
        "second one with a farmer who had a room to let."
    ),
    (
        "Because the river rises every spring, the houses in the lower village stand on posts, and "
        "people go from one to the other by boat until the water has gone."
    ),
    (
        "This guide shows how to install the program, how to change its settings, and what to do "
        "when it does not start, for example because another program uses the same port."
    ),
    (
        "The orchestra played the whole symphony without a break, and when the last note was over, "
        "nobody in the hall dared to move until the conductor slowly lowered his hands."
    ),
    (
        "Before you upgrade, make a copy of the folder with your data, close all other windows, "
        "and check that there is enough free space on the disk, since the files are unpacked twice."
    ),
)

ABSTRACTS: tuple[str, ...] = (
    (
        "Wind farms lose power when turbines stand in each other's wake. We present GustNet, a "
        "graph neural network that predicts the wake of every turbine from a handful of sensors. "
        "GustNet was trained on 14 months of data from three wind farms and reduces the error of "
        "the predicted power by 23% compared with an engineering model. It answers in less than "
        "ten milliseconds, which is fast enough to steer turbines while the wind changes. Our "
        "code is available."
    ),
    (
        "Reading old handwriting is slow work, and few people are trained for it. In this paper "
        "we ask how many pages a model must see before it can help. We fine-tune a recognition "
        "model on the letters of a single writer and find that twelve pages are enough to halve "
        "the character error rate. More pages of other writers help much less than a few pages of "
        "the same one. We release a data set of 2,400 lines from six archives."
    ),
    (
        "Robots that grasp unknown objects often fail because they cannot see the far side. "
        "Existing methods complete the shape first and plan the grasp afterwards, so that errors "
        "add up. We propose a method that predicts grasps and shape together and lets each "
        "correct the other. On a benchmark of 120 household objects it succeeds in 91% of the "
        "attempts, compared with 84% for the best previous method."
    ),
    (
        "We study the problem of sharing a limited budget among many small experiments. A simple "
        "rule stops an experiment as soon as it cannot become the best any more. We prove that "
        "the rule finds the best experiment with high probability, and that no other rule needs "
        "fewer samples up to a constant. Simulations confirm the theory and show savings of up to "
        "60%."
    ),
    (
        "Speech recognition for rare languages suffers from a lack of transcribed recordings. "
        "This work investigates whether radio broadcasts without any transcripts can take their "
        "place. We pre-train a model on 900 hours of radio in four languages and adapt it with "
        "only two hours of transcribed speech. The word error rate falls from 48% to 31%. An "
        "analysis shows that most of the gain comes from broadcasts with several speakers."
    ),
)


def one_sentence(random: Random) -> str:
    """Return one sentence, uniformly at random."""
    return random.choice(SENTENCES)


def several_sentences(random: Random, *, least: int = 2, most: int = 8) -> list[str]:
    """Return a list of sentences, as a program sends it."""
    return random.sample(SENTENCES, random.randint(least, most))


def paragraph(random: Random, *, num_sentences: int = 5) -> str:
    """Return several sentences as one text."""
    return " ".join(random.sample(SENTENCES, num_sentences))


def one_abstract(random: Random) -> str:
    """Return an abstract to summarize."""
    return random.choice(ABSTRACTS)

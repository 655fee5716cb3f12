"""What the load test asks for: sentences written for it, short to long, as people type them."""

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
)


def one_sentence(random: Random) -> str:
    """A sentence, each as likely as any other."""
    return random.choice(SENTENCES)


def several_sentences(random: Random, *, least: int = 2, most: int = 8) -> list[str]:
    """A list of sentences, as a program sends them."""
    return random.sample(SENTENCES, random.randint(least, most))


def paragraph(random: Random, *, num_sentences: int = 5) -> str:
    """Sentences after one another, as a person pastes them."""
    return " ".join(random.sample(SENTENCES, num_sentences))

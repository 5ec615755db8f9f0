"""Topic of a Sinhala news sentence: the paper's Sinhala set.

Collected by de Silva (2015), cleaned by Dhananjaya et al. (2022, "BERTifying Sinhala").

For evaluation alone: five topics, all of them topics of `news`, whose bridges are asked the same question;
of its eight answers only these five are compared. (The paper trains on English sentences of de Silva's
collection, which the hub does not hold under this name.)

The file has numbers for labels and its card names the categories ("political, business, technology, sports
and Entertainment") without numbering them. That they are numbered in this order is confirmed by others'
code that adds classes to the same file (n256Coding/sinhala-news-platform: 0 governmental activities,
1 business, 2 technology, 3 sport, 4 entertainment). The file is not divided; all of it is the test split.
"""

from dataclasses import replace

from fusion_demo.tasks.hub import HubSource, numbered
from fusion_demo.tasks.news import NEWS

LABELS = ("politics", "business", "science and technology", "sports", "entertainment")

SINHALA_NEWS = replace(
    NEWS,
    name="sinhala-news",
    title="Sinhala news topic",
    label_words={label: NEWS.label_words[label] for label in LABELS},
    languages=("si",),
    trained_on=NEWS.name,
    hub=HubSource(
        id="NLPC-UOM/Sinhala-News-Category-classification",
        revision="7fb2f514ea683c5282dfec0a9672ece8de90ac50",
        file="sinhala-news-categories.csv",
        configs={"si": "si"},
        splits={"test": "test"},
        columns={"text": "comments", "label": "labels"},
        labels=numbered(LABELS),
    ),
)

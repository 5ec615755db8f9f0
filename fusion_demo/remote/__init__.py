"""A session whose models are in other processes: what is asked there, how it is answered, how it is stopped.

answers.py          what passes between the processes, and what answers there with a session of its own
remote_session.py   the session of the page: lists checkpoints, checks questions, hands the rest on
stopping.py         hands on that a visitor pressed Stop

Which processes these are, and how they are reached, is none of its business: see `Answers`.
"""

from fusion_demo.remote.answers import Answers, Question, Refused, SessionAnswers, accepted
from fusion_demo.remote.remote_session import RemoteLayerSession, RemoteSession
from fusion_demo.remote.stopping import passed_on

__all__ = [
    "Answers",
    "Question",
    "Refused",
    "RemoteLayerSession",
    "RemoteSession",
    "SessionAnswers",
    "accepted",
    "passed_on",
]

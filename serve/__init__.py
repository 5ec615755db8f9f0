"""The page over several processes: `python -m serve --replicas 2`.

cluster.py          starts Ray and the replicas, and ends them
replica.py          one process that answers: a session of its own
stop_board.py       tells a replica that a visitor pressed Stop
replicas.py         asks any replica, and another one where the first one dies
remote_session.py   a session whose models are in the replicas
__main__.py         the page on top

What is not Ray's is in fusion_demo/remote/. Needs requirements-serve.txt;
docs/decisions/0019-ray-serve.md says why it is made so.
"""

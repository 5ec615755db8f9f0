"""What the server keeps of a program's call: nothing, soon after the last of it."""

import asyncio
import re
from datetime import datetime, timedelta

from gradio.state_holder import StateHolder

SESSIONS_KEPT = 1_000
"""Sessions that the server keeps, of the visitors who came last; each takes about 0.6 MB. Gradio's own 10,000
would be 6 GB."""

CALL = re.compile(r"[0-9a-f]{32}")
"""A call without a session of its own is a session for Gradio, named by the call's id; browsers' names are
shorter."""

KEPT = timedelta(seconds=20)
SWEEP_SECONDS = 10.0


async def forget_calls(sessions: StateHolder) -> None:
    """Forget the sessions of answered calls, again and again, until cancelled.

    Gradio copies the whole page for each and keeps it. Nobody can come back to it, and the endpoints have no
    state, so that a call which is still being answered loses nothing.
    """
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sweep(sessions, datetime.now() - KEPT)


def sweep(sessions: StateHolder, since: datetime) -> None:
    """Forget the sessions of calls that were not used since a moment, local time."""
    for name, used in list(sessions.time_last_used.items()):
        if used < since and CALL.fullmatch(name):
            sessions.session_data.pop(name, None)
            sessions.time_last_used.pop(name, None)

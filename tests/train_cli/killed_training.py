"""A process that has imported what a training needs, and starts trainings that are killed: one each line.

It reads requests as JSON, one a line, and answers each with a line of JSON: how the training ended. Each one
runs in a fork of this process, so that a start costs no import. What a request may ask for:

    arguments      the command's
    folder         whose changes are counted
    kill_step      killed before the n-th change of a file there
    kill_path      killed before the first change of a file with this in its path
    kill_after     killed after so many seconds
    signal         instead of SIGKILL, which is what `kill -9` sends
    largest_file   the system's limit on a file's size
    clock_jumps    the time of day is far from the last one each time that it is read
"""

import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time

CHANGES = {
    "open",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.truncate",
    "os.chmod",
    "shutil.rmtree",
}


def main() -> None:
    """Answer requests until the input ends."""
    # Imported, and never called: a fork of a process whose threads have computed would hang.
    import accelerate  # noqa: F401
    import torch  # noqa: F401

    import train_cli.__main__
    import train_cli.train  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(request: dict) -> dict:
    """Run one training in a fork; return how it ended."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as counted:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            run(request, output.fileno(), counted.fileno())
        killer = None
        if "kill_after" in request:
            killer = threading.Timer(
                request["kill_after"], os.kill, (child, request.get("signal", signal.SIGKILL))
            )
            killer.start()
        _, status = os.waitpid(child, 0)
        if killer is not None:
            killer.cancel()
            killer.join()
        output.seek(0)
        counted.seek(0)
        return {
            "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "steps": int(counted.read() or 0),
            "printed": output.read(),
            "seconds": time.monotonic() - began,
        }


def run(request: dict, output: int, counted: int) -> None:
    """Be the training; never return."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(output, 1)
        os.dup2(output, 2)
        import torch

        from train_cli import anchors, state_cache, trainer, warm_start
        from train_cli.__main__ import main as train

        torch.set_num_threads(1)
        # Small enough for a training of seconds to have many moments of each kind.
        anchors.UPDATES, state_cache.BATCH_SIZE, state_cache.SAVE_EVERY = 2, 8, 1
        trainer.LOG_EVERY, trainer.SAVE_EVERY, warm_start.LOG_EVERY, warm_start.SAVE_EVERY = 2, 3, 1, 1
        if "largest_file" in request:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"],) * 2)
        if request.get("clock_jumps"):
            let_the_clock_jump()
        steps = count_changes(request)
        status = train(request["arguments"])
        os.write(counted, str(steps[0]).encode())
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  # a fork must never go on as if it were the parent
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def let_the_clock_jump() -> None:
    """Let the time of day be years away from the last one, in turn behind and ahead."""
    from datetime import datetime, timedelta

    from train_cli import monitor

    real, read = time.time, [0]

    def away() -> float:
        read[0] += 1
        return 86_400.0 * 1000 * (-1) ** read[0]

    class Jumping(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(seconds=away())

    time.time, monitor.datetime, monitor.BEAT_SECONDS = lambda: real() + away(), Jumping, 0.05


def count_changes(request: dict) -> list[int]:
    """Count what changes files in the folder, in a list of one number; kill this process where asked."""
    steps, folder = [0], request["folder"]

    def note(event: str, details: tuple) -> None:
        if event not in CHANGES or not details or folder not in str(details[0]):
            return
        steps[0] += 1
        path = request.get("kill_path")
        if steps[0] == request.get("kill_step") or (path and path in str(details[0])):
            os.kill(os.getpid(), request.get("signal", signal.SIGKILL))

    sys.addaudithook(note)
    return steps


if __name__ == "__main__":
    main()

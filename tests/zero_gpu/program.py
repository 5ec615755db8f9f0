"""A program with the real package `spaces`, which takes this machine for a Space with ZeroGPU.

Main memory stands in for the GPU in the processes that the package forks. All else is its own: how functions
are decorated and run, how models are put on a GPU that is not there, packed, and found again.

    python program.py page OPTION ...      app.py with its options
    python program.py sessions FOLDER      what the sessions of a folder of checkpoints say, as JSON
"""

import json
import signal
import sys
import types
from pathlib import Path
from threading import Event

import gradio as gr
import torch

import app
from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.zero_gpu import find_decorator, open_on_zero_gpu

PAGE = 4096
LONG = Decoding(max_new_tokens=500, repetition_penalty=1.2)


def on_a_page(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor; one of bytes begins on a page, as pinned memory does and direct reading needs."""
    if tensor.dtype != torch.uint8:
        return tensor
    room = torch.empty(tensor.numel() + PAGE, dtype=torch.uint8)
    start = -room.data_ptr() % PAGE
    return room[start : start + tensor.numel()]


def put_the_gpu_in_main_memory() -> None:
    """Replace what `spaces` does with CUDA in a process that it forked, and what a torch for CPUs lacks."""
    if torch.version.cuda is None:
        torch.version.cuda, torch._C._cuda_init, torch.cuda._is_in_bad_fork = "12.8", None, bool
    find_decorator()

    import spaces.zero
    from spaces.zero.torch import packing, patching

    spaces.zero.torch.init = lambda _: None
    patching._cuda_synchronize = lambda *_: None
    torch.Tensor.pin_memory = on_a_page
    cuda = torch.Tensor.cuda

    def to_main_memory(tensor, *arguments, **options):
        return tensor.clone() if spaces.zero.wrappers.forked else cuda(tensor, *arguments, **options)

    torch.Tensor.cuda = to_main_memory
    here = {
        "tensor": lambda values, *, dtype, device: torch.tensor(values, dtype=dtype),
        "empty": lambda size, *, dtype, device: torch.empty(size, dtype=dtype),
    }
    packing.torch = types.SimpleNamespace(**vars(torch) | here)


def ask_sessions(folder: str) -> None:
    """Open the sessions of a folder, ask them, and print what they say."""
    session, layers = open_on_zero_gpu(Path(folder), find_decorator(), gr.Error)
    from spaces.zero.torch.patching import cuda_aliases

    stop, stopped = Event(), []
    for update in session.chat([Message("user", "Hello")], decoding=LONG, stop=stop):
        stopped.append(update)
        if len(stopped) == 2:
            stop.set()
    updates = session.chat([Message("user", "Hello")], decoding=LONG)
    next(updates)
    updates.close()
    (profile,) = layers.profiles([["two words"]])
    *_, last = session.chat([Message("user", "Hello")], decoding=Decoding(max_new_tokens=12))
    said = {
        "tensors on the GPU": len(cuda_aliases),
        "scores": session.classify("rain", "news").scores,
        "weights": profile.profile.weights,
        "answer": last.answer,
        "stopped": [len(stopped), stopped[-1].done, stopped[-1].turn.stopped],
    }
    print(json.dumps(said))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as app.py: the forked ones end, too
    put_the_gpu_in_main_memory()
    if sys.argv.pop(1) == "page":
        app.main()
    else:
        ask_sessions(sys.argv[1])

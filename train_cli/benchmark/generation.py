"""`benchmark generation`: tokens a second on a CPU, against transformers' own loop and the memory's rate."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.decoding import Decoding
from fusion_demo.frozen import FrozenModels
from fusion_demo.languages import LANGUAGES
from fusion_demo.llm import FrozenLLM
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import get_training_task
from train_cli.arguments import count
from train_cli.benchmark.machine import read_rate
from train_cli.benchmark.memory import in_child
from train_cli.benchmark.rounds import interleave, paired_ratio, summary

OURS, TORCH, PLAIN = "FrozenLLM.generate", "FrozenLLM.generate, torch alone", "transformers' generate"
FLOORS = {OURS: "its weights read once a token", PLAIN: "float32 weights read once a token"}
QUESTIONS = (
    "Where is {} spoken, and by how many people?",
    "Tell me a short story in which a child learns {}.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark generation`."""
    parser.set_defaults(repeats=50)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("checkpoints/chat-transformer-softmax"),
        metavar="FOLDER",
        help="whose bridge reads the prompts (default: checkpoints/chat-transformer-softmax)",
    )
    parser.add_argument(
        "--new-tokens", type=count(2), default=48, metavar="N", help="tokens of each answer (default: 48)"
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let all loops answer one prompt a round, greedily, behind the same soft tokens.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        ModelError: a frozen model cannot be loaded.
    """
    return in_child(time_loops, arguments.checkpoint, arguments.repeats, arguments.new_tokens, arguments.seed)


def time_loops(checkpoint: Path, repeats: int, new_tokens: int, seed: int) -> dict[str, Any]:
    """Return tokens a second of all loops and of the floors, their ratios, and how many answers differ."""
    info = read_checkpoint_info(checkpoint)
    task = get_training_task(info.task)
    models = FrozenModels(compiled=True)
    bridge = load_checkpoint(checkpoint, models)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    with torch.inference_mode():
        prompts = [bridge.soft_tokens([text]) for text in questions(repeats)]
    graph = models.graph(info.bridge.llm)
    weights = {PLAIN: bytes_per_token(bridge.llm.model)}
    weights[OURS] = graph.with_suffix(".bin").stat().st_size if graph else weights[PLAIN]
    llms = {OURS: bridge.llm}
    if graph:
        llms[TORCH] = FrozenLLM(bridge.llm.model, bridge.llm.tokenizer)
    answers: dict[str, list[Tensor]] = {name: [] for name in (*llms, PLAIN)}

    def loop(name: str) -> Callable[[int], float]:
        def call(number: int) -> float:
            began = time.perf_counter()
            with torch.inference_mode():
                embeddings, mask = bridge.close(prompts[number], frame)
                if name == PLAIN:
                    ids = write_plainly(bridge.llm, frame, embeddings, mask, new_tokens)
                else:
                    ids = write_ours(llms[name], frame, embeddings, mask, new_tokens)
            answers[name].append(ids)
            return ids.shape[1] / (time.perf_counter() - began)

        return call

    loops = {name: loop(name) for name in answers}
    floors = {FLOORS[name]: partial(_floor, weights[name]) for name in weights}
    rates = interleave(loops | floors, repeats)
    same = {
        name: [torch.equal(*pair) for pair in zip(answers[name], answers[PLAIN], strict=True)][-repeats:]
        for name in llms
    }
    return {
        "checkpoint": checkpoint.name,
        "new_tokens": new_tokens,
        "weight_bytes": {FLOORS[name]: number for name, number in weights.items()},
        "baseline": PLAIN,
        "tokens_per_second": {name: summary(values) for name, values in rates.items()},
        "ratios": {name: paired_ratio(values, rates[PLAIN], seed=seed) for name, values in rates.items()},
        "of_floor": paired_ratio(rates[OURS], rates[FLOORS[OURS]], seed=seed),
        "same_answers": {name: sum(found) for name, found in same.items()},
        "prompts": repeats,
    }


def _floor(weight_bytes: int, _: int) -> float:
    return read_rate() / weight_bytes


def questions(number: int) -> list[str]:
    """Return so many prompts; after all languages have been asked about in all ways, they come again."""
    names = [language.english_name for language in LANGUAGES.values()]
    asked = [question.format(name) for question in QUESTIONS for name in names]
    return [asked[index % len(asked)] for index in range(number)]


def bytes_per_token(model: torch.nn.Module) -> int:
    """Return the bytes of weights that an LLM reads to write a token: all but an embedding table of its own.

    Tied embeddings are read whole as the output layer.
    """
    total = sum(parameter.nbytes for parameter in model.parameters())
    table, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    return total if table is head else total - table.nbytes


def write_ours(
    llm: FrozenLLM, frame: PromptFrame, embeddings: Tensor, mask: Tensor, new_tokens: int
) -> Tensor:
    """Return the ids that our own path writes, (1, N): the prefix comes from its cache.

    No loop may end early: a second of a short answer is mostly its first token.
    """
    decoding = Decoding(max_new_tokens=new_tokens, min_new_tokens=new_tokens)
    return llm.generate(frame.before, embeddings, mask, decoding)


def write_plainly(
    llm: FrozenLLM, frame: PromptFrame, embeddings: Tensor, mask: Tensor, new_tokens: int
) -> Tensor:
    """Return the ids that transformers writes behind the same embeddings, (1, N), without a cached prefix."""
    before = llm.embed(torch.tensor([frame.before], dtype=torch.long))
    inputs = torch.cat([before, embeddings[:, mask[0]]], dim=1)
    return llm.model.generate(
        inputs_embeds=inputs,
        attention_mask=torch.ones(inputs.shape[:2], dtype=torch.long),
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        do_sample=False,
        pad_token_id=llm.tokenizer.eos_token_id,
        eos_token_id=llm.tokenizer.eos_token_id,
    )

"""`benchmark generation`: tokens a second on a CPU, against transformers' own loop and the memory's floor."""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion_demo.bridge import FusionBridge
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.decoding import Decoding
from fusion_demo.languages import LANGUAGES
from fusion_demo.prompt import PromptFrame
from fusion_demo.soft_tokens import SoftTokens
from fusion_demo.tasks import get_training_task
from train_cli.arguments import count
from train_cli.benchmark.machine import read_rate
from train_cli.benchmark.memory import in_child
from train_cli.benchmark.rounds import interleave, paired_ratio, summary

OURS, PLAIN, FLOOR = "FrozenLLM.generate", "transformers' generate", "weights read once a token"
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
    """Let both loops answer one prompt a round, greedily, behind the same soft tokens.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        ModelError: a frozen model cannot be loaded.
    """
    return in_child(time_loops, arguments.checkpoint, arguments.repeats, arguments.new_tokens, arguments.seed)


def time_loops(checkpoint: Path, repeats: int, new_tokens: int, seed: int) -> dict[str, Any]:
    """Return tokens a second of both loops and of the floor, their ratios, and how many answers differ."""
    task = get_training_task(read_checkpoint_info(checkpoint).task)
    bridge = load_checkpoint(checkpoint)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    # Neither may end early: a second of a short answer is mostly its first token.
    bridge.llm.model.generation_config.min_new_tokens = new_tokens
    with torch.inference_mode():
        prompts = [bridge.soft_tokens([text]) for text in questions(repeats)]
    weights = bytes_per_token(bridge.llm.model)
    answers: dict[str, list[Tensor]] = {OURS: [], PLAIN: []}

    def loop(name: str, write: Any) -> Any:
        def call(number: int) -> float:
            began = time.perf_counter()
            with torch.inference_mode():
                ids = write(bridge, frame, prompts[number], new_tokens)
            answers[name].append(ids)
            return ids.shape[1] / (time.perf_counter() - began)

        return call

    rates = interleave(
        {
            OURS: loop(OURS, write_ours),
            PLAIN: loop(PLAIN, write_plainly),
            FLOOR: lambda _: read_rate() / weights,
        },
        repeats,
    )
    same = [torch.equal(ours, plain) for ours, plain in zip(answers[OURS], answers[PLAIN], strict=True)]
    return {
        "checkpoint": checkpoint.name,
        "new_tokens": new_tokens,
        "weight_bytes": weights,
        "baseline": PLAIN,
        "tokens_per_second": {name: summary(values) for name, values in rates.items()},
        "ratios": {name: paired_ratio(values, rates[PLAIN], seed=seed) for name, values in rates.items()},
        "of_floor": paired_ratio(rates[OURS], rates[FLOOR], seed=seed),
        "same_answers": sum(same[-repeats:]),
        "prompts": repeats,
    }


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


def write_ours(bridge: FusionBridge, frame: PromptFrame, soft: SoftTokens, new_tokens: int) -> Tensor:
    """Return the ids that the bridge's own path writes, (1, N): the prefix comes from its cache."""
    embeddings, mask = bridge.close(soft, frame)
    return bridge.llm.generate(frame.before, embeddings, mask, Decoding(max_new_tokens=new_tokens))


def write_plainly(bridge: FusionBridge, frame: PromptFrame, soft: SoftTokens, new_tokens: int) -> Tensor:
    """Return the ids that transformers writes behind the same embeddings, (1, N), without a cached prefix."""
    embeddings, mask = bridge.close(soft, frame)
    before = bridge.llm.embed(torch.tensor([frame.before], dtype=torch.long))
    inputs = torch.cat([before, embeddings[:, mask[0]]], dim=1)
    return bridge.llm.model.generate(
        inputs_embeds=inputs,
        attention_mask=torch.ones(inputs.shape[:2], dtype=torch.long),
        max_new_tokens=new_tokens,
        do_sample=False,
        pad_token_id=bridge.llm.tokenizer.eos_token_id,
        eos_token_id=bridge.llm.tokenizer.eos_token_id,
    )

"""The training loop: a bridge, English examples, and a checkpoint folder that always holds the best."""

import dataclasses
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import save_checkpoint
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.evaluation import classify_examples, score_language
from fusion_demo.files import write_atomically
from fusion_demo.soft_tokens import Disturbance
from fusion_demo.tasks import Task
from train_cli.batches import epoch_batches, share_of
from train_cli.lexical import LexicalWarmStart
from train_cli.optimizer import build_optimizer, set_rate
from train_cli.state import STATE, load_state, save_state
from train_cli.warm_start import LabelWarmStart

LAST, LOG = "last", "metrics.jsonl"
LOG_EVERY, SAVE_EVERY = 10, 100
EVALUATION_BATCH = 32


@dataclass
class Progress:
    """Where a training stands; all of it is saved, so that a resumed training takes the same way.

    Attributes:
        updates: Updates made.
        seconds: Time spent, over all its sessions.
        best: Score of the best evaluation: mean dev accuracy, then mean log-likelihood; of a task that is
            answered freely, minus the mean loss.
        best_update: When that was.
        since_best: Evaluations since then.
        warm_start: What the warm start says of itself: updates, examples, seconds.
    """

    updates: int = 0
    seconds: float = 0.0
    best: tuple[float, float] = (-math.inf, -math.inf)
    best_update: int = 0
    since_best: int = 0
    warm_start: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains a bridge's fusion and projection on English examples.

    A short loop of our own over accelerate, for two reasons given in docs/decisions: the frozen
    models stay out of every file, and no state is pickled.

    Args:
        bridge: Untrained, on the accelerator's device.
        task: Gives prompt and label words.
        config: The recipe.
        train: English training examples.
        dev: Dev examples by language.
        info: What the checkpoints will say of themselves; its metrics are filled in here.
        accelerator: One CPU, one GPU or many processes.
        warm_start_examples: English examples of the warm start, if the recipe has one.
        say: Receives lines for the user.
    """

    def __init__(
        self,
        bridge: FusionBridge,
        task: Task,
        config: TrainConfig,
        train: list[Example],
        dev: dict[str, list[Example]],
        info: CheckpointInfo,
        accelerator: Accelerator,
        warm_start_examples: list[Example] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.bridge, self.task, self.config, self.info = bridge, task, config, info
        self.train_examples, self.dev = train, dev
        self.warm_start_examples = warm_start_examples or []
        self.accelerator = accelerator
        self.say = say if accelerator.is_main_process else _nothing
        self.folder = info.folder
        self.frame = bridge.frame(task.instruction, task.bare_prompt)
        self.parameters = {n: p for n, p in bridge.named_parameters() if p.requires_grad}
        self.optimizer = build_optimizer(self.parameters, config, config.learning_rate)
        self.lengths = bridge.encoder.count_tokens([example.text for example in train])
        self.examples_per_update = (
            config.batch_size * config.gradient_accumulation * accelerator.num_processes
        )
        self.updates_per_epoch = math.ceil(len(train) / self.examples_per_update)
        self.total = config.epochs * self.updates_per_epoch
        self.progress = Progress()
        self._epoch, self._batches = -1, []

    def run(self, *, resume: bool = False) -> None:
        """Train to the end, or until patience runs out; Ctrl-C saves and is raised again.

        Raises:
            CheckpointError: there is nothing sound to resume from.
        """
        if resume and (self.folder / LAST / STATE).exists():
            saved = load_state(self.folder / LAST, self.parameters, self.optimizer)
            self.progress = Progress(**saved | {"best": tuple(saved["best"])})
            self.say(f"resumed at update {self.progress.updates} of {self.total}")
        elif self.warm_start_examples:
            self._warm_start(resume)
        self._trim_log()
        model = self.accelerator.prepare(self.bridge) if self.accelerator.num_processes > 1 else self.bridge
        started = time.monotonic() - self.progress.seconds
        points = {
            round(self.total * (i + 1) / self.config.evaluations) for i in range(self.config.evaluations)
        }
        bar = tqdm(total=self.total, initial=self.progress.updates, unit="update", disable=None)
        try:
            while self.progress.updates < self.total:
                began = time.monotonic()
                loss = self.update(model)
                self.progress.updates += 1
                self.progress.seconds = time.monotonic() - started
                rate = self.examples_per_update / (time.monotonic() - began)
                bar.set_postfix_str(f"loss {loss:.3f}, {rate:.1f} examples/s")
                bar.update()
                if self.progress.updates % LOG_EVERY == 0:
                    self._log(
                        loss=loss,
                        learning_rate=self.optimizer.param_groups[-1]["lr"],
                        examples_per_second=rate,
                    )
                if self.progress.updates in points:
                    self._evaluate()
                    if 0 < self.config.patience <= self.progress.since_best:
                        self.say(f"no gain in {self.config.patience} evaluations: stopped")
                        break
                if self.progress.updates in points or self.progress.updates % SAVE_EVERY == 0:
                    self.save_last()
        except KeyboardInterrupt:
            self.save_last()
            self.say("saved; go on with the same command and --resume")
            raise
        finally:
            bar.close()

    def _warm_start(self, resume: bool) -> None:
        kind = LexicalWarmStart if self.task.writes else LabelWarmStart
        warm_start = kind(
            self.bridge,
            self.task,
            self.frame,
            self.config,
            self.warm_start_examples,
            self.folder / LAST,
            self.say,
        )
        self.progress.warm_start = warm_start.run(resume=resume)
        self.progress.seconds = self.progress.warm_start["seconds"]

    def save_last(self) -> None:
        """Save what `run(resume=True)` needs, if there is anything to save."""
        if self.accelerator.is_main_process and self.progress.updates:
            save_state(self.folder / LAST, self.parameters, self.optimizer, dataclasses.asdict(self.progress))

    def batch_indices(self, update: int) -> list[list[int]]:
        """Return the examples of one update, as the batches that this process works on."""
        epoch, position = divmod(update, self.updates_per_epoch)
        if epoch != self._epoch:
            size = self.config.batch_size * self.accelerator.num_processes
            self._batches = epoch_batches(self.lengths, size, seed=self.config.seed + epoch)
            self._epoch = epoch
        accumulated = self.config.gradient_accumulation
        mine = self._batches[position * accumulated : (position + 1) * accumulated]
        return [
            share_of(batch, self.accelerator.process_index, self.accelerator.num_processes) for batch in mine
        ]

    def update(self, model: torch.nn.Module) -> float:
        """Make one update; return its mean loss. What is random depends on seed and update alone."""
        config, total = self.config, 0.0
        torch.manual_seed((config.seed << 32) + self.progress.updates * 1024 + self.accelerator.process_index)
        self.bridge.train()
        batches = self.batch_indices(self.progress.updates)
        dropout = config.soft_token_dropout
        if config.soft_token_dropout_max:
            dropout += (config.soft_token_dropout_max - dropout) * torch.rand(()).item()
        disturbance = Disturbance(
            noise=config.soft_token_noise,
            dropout=dropout,
            merge=config.soft_token_merge,
            split=config.soft_token_split,
        )
        for batch in batches:
            examples = [self.train_examples[i] for i in batch]
            texts = [example.text for example in examples]
            loss = model(
                texts,
                [self.task.answer(example.label) for example in examples],
                self.frame,
                disturbance=disturbance,
                taught_by=texts if self.task.taught else None,
            ) / len(batches)
            self.accelerator.backward(loss)
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), config.max_gradient_norm)
        set_rate(self.optimizer, self.progress.updates, self.total, config.warmup_fraction)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _evaluate(self) -> None:
        """Measure the dev sets; keep the checkpoint if it is the best so far."""
        self.bridge.eval()
        if self.accelerator.is_main_process:
            measure = measure_answers if self.task.writes else evaluate_dev
            score, languages = measure(self.bridge, self.task, self.dev)
            self._log(dev=languages)
            shown = ", ".join(f"{code} {_shown(row)}" for code, row in languages.items())
            self.say(f"update {self.progress.updates} of {self.total}: dev {shown}")
            if score > self.progress.best:
                self.progress.best, self.progress.best_update = score, self.progress.updates
                self.progress.since_best = 0
                save_checkpoint(self._described(languages), self.bridge.trained_state())
            else:
                self.progress.since_best += 1
        if self.accelerator.num_processes > 1:
            since_best = torch.tensor(self.progress.since_best, device=self.accelerator.device)
            self.progress.since_best = int(self.accelerator.reduce(since_best, "sum"))

    def _described(self, languages: dict[str, Any]) -> CheckpointInfo:
        progress = self.progress
        training = {
            "trained_parameters": sum(p.numel() for p in self.parameters.values()),
            "examples": min(progress.updates, self.total) * self.examples_per_update,
            "updates": progress.updates,
            "planned_updates": self.total,
            "seconds": round(progress.seconds, 1),
            "machine": machine(self.accelerator.device),
            "dev_selection": languages,
        }
        if progress.warm_start:
            training["warm_start"] = progress.warm_start
        return dataclasses.replace(self.info, metrics={"training": training})

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            line = {"update": self.progress.updates, "seconds": round(self.progress.seconds, 1), **values}
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _trim_log(self) -> None:
        """Forget the lines that a resumed training will write again."""
        path = self.folder / LOG
        if self.accelerator.is_main_process and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _update_of(line) <= self.progress.updates]
            write_atomically(path, "".join(f"{line}\n" for line in kept).encode())


def evaluate_dev(
    bridge: FusionBridge, task: Task, dev: dict[str, list[Example]]
) -> tuple[tuple[float, float], dict[str, Any]]:
    """Measure a bridge on dev examples.

    Returns:
        The score to compare by: mean accuracy over languages, then mean log-likelihood of the
        right label among all labels; and the results by language.
    """
    languages, likelihoods = {}, []
    for code, examples in dev.items():
        predictions = classify_examples(bridge, task, examples, batch_size=EVALUATION_BATCH)
        languages[code] = score_language([e.label for e in examples], [p.label for p in predictions])
        for example, prediction in zip(examples, predictions, strict=True):
            scores = torch.tensor(prediction.log_likelihoods).log_softmax(dim=0)
            likelihoods.append(scores[task.labels.index(example.label)].item())
        languages[code]["log_likelihood"] = sum(likelihoods[-len(examples) :]) / len(examples)
    accuracy = sum(row["accuracy"] for row in languages.values()) / len(languages)
    return (accuracy, sum(likelihoods) / len(likelihoods)), languages


@torch.no_grad()
def measure_answers(
    bridge: FusionBridge, task: Task, dev: dict[str, list[Example]]
) -> tuple[tuple[float, float], dict[str, Any]]:
    """Measure how likely the LLM finds the right free answers of dev examples.

    Returns:
        The score to compare by, minus the mean loss over languages, twice; and by language `loss`, in nats
        an answer token, the end token included, and `n`, examples.
    """
    frame = bridge.frame(task.instruction, task.bare_prompt)
    languages = {}
    for code, examples in dev.items():
        texts = [example.text for example in examples]
        answers = [task.answer(example.label) for example in examples]
        lengths = [len(frame.answer_ids(bridge.llm.tokenizer, answer)) for answer in answers]
        total = 0.0
        for batch in batches_by_length(texts, EVALUATION_BATCH):
            read, said = [texts[i] for i in batch], [answers[i] for i in batch]
            loss = bridge(read, said, frame, taught_by=read if task.taught else None)
            total += loss.item() * sum(lengths[i] for i in batch)
        languages[code] = {"loss": total / sum(lengths), "n": len(examples)}
    loss = sum(row["loss"] for row in languages.values()) / len(languages)
    return (-loss, -loss), languages


def _shown(row: dict[str, Any]) -> str:
    return f"{row['loss']:.3f} nats" if "loss" in row else f"{100 * row['accuracy']:.1f} %"


def machine(device: torch.device) -> str:
    """Return what a training ran on, for its card. Example: "CPU, threads: 2 (x86_64)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, threads: {torch.get_num_threads()} ({platform.machine()})"


def _nothing(_: str) -> None:
    """What a process says that is not the first."""


def _update_of(line: str) -> float:
    try:
        return json.loads(line)["update"]
    except (ValueError, KeyError, TypeError):
        return math.inf

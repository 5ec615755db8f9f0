"""The training loop: a bridge, English examples, and a checkpoint folder that always holds the best."""

import contextlib
import dataclasses
import math
import platform
import time
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import save_checkpoint
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ModelError, TrainingError
from fusion_demo.evaluation import describe_data
from fusion_demo.soft_tokens import Disturbance
from fusion_demo.tasks import Task
from fusion_demo.training_log import TRAINING
from train_cli.batches import examples_seen, share_of, update_batches
from train_cli.dev import evaluate_dev, measure_answers, shown_result
from train_cli.divergence import check_finite
from train_cli.interrupt import WholeSteps
from train_cli.keywords import KeywordWarmStart
from train_cli.lexical import LexicalWarmStart
from train_cli.monitor import Monitor
from train_cli.optimizer import build_optimizer, set_rate
from train_cli.recompute import recomputed_layers
from train_cli.sentence_means import standardise
from train_cli.sharding import is_sharded
from train_cli.state import STATE, Progress, load_state, save_state
from train_cli.warm_start import LabelWarmStart

LAST = "last"
LOG_EVERY, SAVE_EVERY = 10, 100
LOOK_AT = "If the LLM computes in float16, look at the dtype, else at the learning rate: give a smaller one."


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
        monitor: Learns how the training goes; by default, nobody does.
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
        monitor: Monitor | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.bridge, self.task, self.config, self.info = bridge, task, config, info
        self.train_examples, self.dev = train, dev
        self.warm_start_examples = warm_start_examples or []
        self.accelerator = accelerator
        self.monitor = monitor or Monitor(None)
        self.say = say if accelerator.is_main_process else _nothing
        self.folder = info.folder
        self.frame = bridge.frame(task.instruction, task.bare_prompt)
        self.parameters = {n: p for n, p in bridge.named_parameters() if p.requires_grad}
        self.optimizer = build_optimizer(self.parameters, config, config.learning_rate)
        self.lengths = bridge.encoder.count_tokens([example.text for example in train])
        answers = [task.answer(example.label) for example in train]
        # Of labels there are few, of examples many.
        tokens = {a: len(self.frame.answer_ids(bridge.llm.tokenizer, a)) for a in set(answers)}
        self.answer_tokens = [tokens[answer] for answer in answers]
        self.examples_per_update = (
            config.batch_size * config.gradient_accumulation * accelerator.num_processes
        )
        self.updates_per_epoch = math.ceil(len(train) / self.examples_per_update)
        self.total = config.epochs * self.updates_per_epoch
        self.judged_by = str({code: describe_data(examples)["sha256"] for code, examples in dev.items()})
        self.progress = Progress()
        self._epoch, self._updates = -1, []

    def run(self, *, resume: bool = False) -> None:
        """Train to the end, or until patience runs out; Ctrl-C saves and is raised again.

        Raises:
            CheckpointError: there is nothing sound to resume from.
        """
        standardise(self.bridge, [e.text for e in self.warm_start_examples or self.train_examples])
        if resume and (self.folder / LAST / STATE).exists():
            saved = load_state(self.folder / LAST, self.parameters, self.optimizer)
            self.progress = Progress.of(saved)
            self.say(f"resumed at update {self.progress.updates} of {self.total}")
            if self.progress.judged_by not in ("", self.judged_by):
                self.progress = dataclasses.replace(self.progress, best=None, since_best=0)
                self.say("the dev examples are others than before: from now on, the best of them is kept")
            self.monitor.trim(
                training=self.progress.updates, warm_start=math.inf, dev=self.progress.evaluated
            )
        elif self.warm_start_examples:
            self._warm_start(resume)
        else:
            self.monitor.trim(training=0, warm_start=0)
        self.monitor.at(TRAINING, self.progress.updates, self.total)
        model = self.accelerator.prepare(self.bridge) if self.accelerator.num_processes > 1 else self.bridge
        started = time.monotonic() - self.progress.seconds
        points = {
            round(self.total * (i + 1) / self.config.evaluations) for i in range(self.config.evaluations)
        }
        bar = tqdm(total=self.total, initial=self.progress.updates, unit="update", disable=None)
        steps = WholeSteps()
        try:
            while not self._out_of_patience():
                if self.progress.updates in points and self.progress.evaluated < self.progress.updates:
                    self._evaluate()
                    self.save_last()
                if self.progress.updates >= self.total or self._out_of_patience():
                    break
                with steps:
                    self._step(model, started, bar)
                if self.progress.updates in points or self.progress.updates % SAVE_EVERY == 0:
                    self.save_last()
            if self._out_of_patience():
                self.say(f"no gain in {self.config.patience} evaluations: stopped")
        except KeyboardInterrupt:
            if steps.whole:
                self.save_last()
                self.say("saved; go on with the same command and --resume")
            else:
                self.say("stopped within an update; --resume goes on from what was saved before")
            raise
        finally:
            bar.close()

    def _step(self, model: torch.nn.Module, started: float, bar: tqdm) -> None:
        """Make one update, and say so."""
        began, examples = time.monotonic(), sum(map(len, self.batches(self.progress.updates)))
        try:
            loss = self.update(model)
        except TrainingError as error:
            self._keep_good()
            raise TrainingError(f"{error} {self._kept()}") from None
        self.progress.updates += 1
        self.progress.seconds = time.monotonic() - started
        self.monitor.at(TRAINING, self.progress.updates, self.total)
        rate = examples / (time.monotonic() - began)
        bar.set_postfix_str(f"loss {loss:.3f}, {rate:.1f} examples/s")
        bar.update()
        if self.progress.updates % LOG_EVERY == 0:
            self._log(
                loss=loss,
                learning_rate=self.optimizer.param_groups[-1]["lr"],
                examples_per_second=rate,
            )

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.progress.since_best

    def _warm_start(self, resume: bool) -> None:
        """Run the recipe's warm starts, one after the other; a finished one is only loaded on resuming."""
        first = LexicalWarmStart if self.task.writes else LabelWarmStart
        kinds = [first] if self.config.warm_start_epochs else []
        kinds += [KeywordWarmStart] if self.config.keyword_epochs else []
        done: dict[str, float] = {}
        for kind in kinds:
            warm_start = kind(
                self.bridge,
                self.task,
                self.frame,
                self.config,
                self.warm_start_examples,
                self.folder / LAST,
                self.say,
                self.monitor,
                self.accelerator.is_main_process,
                before=int(done.get("updates", 0)),
            )
            for name, value in warm_start.run(resume=resume).items():
                done[name] = done.get(name, 0) + value
        self.progress.warm_start = done
        self.progress.seconds = done["seconds"]

    def _keep_good(self) -> None:
        """Save what the last whole update left, and measure it if that was not done yet."""
        self.save_last()
        if self.progress.evaluated < self.progress.updates:
            with contextlib.suppress(TrainingError):
                self._evaluate()
                self.save_last()

    def _kept(self) -> str:
        if self.progress.best_update:
            return f"The checkpoint of update {self.progress.best_update} is kept in {self.folder}."
        return "There is no checkpoint, since nothing before that was good."

    def save_last(self) -> None:
        """Save what `run(resume=True)` needs, if there is anything to save."""
        if self.accelerator.is_main_process and self.progress.updates:
            save_state(self.folder / LAST, self.parameters, self.optimizer, dataclasses.asdict(self.progress))

    def batches(self, update: int) -> list[list[int]]:
        """Return the examples of one update, as the batches that all processes share."""
        epoch, position = divmod(update, self.updates_per_epoch)
        if epoch != self._epoch:
            processes = self.accelerator.num_processes
            self._epoch, self._updates = epoch, update_batches(self.lengths, self.config, processes, epoch)
        return self._updates[position]

    def update(self, model: torch.nn.Module) -> float:
        """Make one update; return its mean loss over all processes.

        What is random depends on the seed, the update and the process alone. Without it, processes and
        accumulated steps learn what one step learns from the same examples: each one's loss counts by its
        share of the answers' tokens.

        Raises:
            TrainingError: loss or gradient is not finite; nothing was changed.
        """
        config, total = self.config, 0.0
        process, processes = self.accelerator.process_index, self.accelerator.num_processes
        torch.manual_seed((config.seed << 32) + self.progress.updates * 1024 + process)
        self.bridge.train()
        batches = self.batches(self.progress.updates)
        disturbance = Disturbance.of(config)
        tokens = [sum(self.answer_tokens[i] for i in batch) for batch in batches]
        for batch, counted in zip(batches, tokens, strict=True):
            own, weight = share_of(batch, self.answer_tokens, process, processes)
            with recomputed_layers(self.bridge.llm.model, config.recompute):
                loss = self._loss(model, [self.train_examples[i] for i in own], disturbance)
            loss = loss * (weight * counted / sum(tokens))
            self.accelerator.backward(loss)
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), config.max_gradient_norm)
        if processes > 1:
            total = self.accelerator.reduce(
                torch.tensor(total, device=self.accelerator.device), "mean"
            ).item()
        check_finite(
            total,
            norm,
            update=self.progress.updates,
            rate_option=" and ".join(
                ["--learning-rate", *["--fusion-learning-rate"] * bool(config.fusion_learning_rate)]
            ),
            bridge=self.bridge,
            parameters=self.parameters,
            examples=[self.train_examples[i] for batch in batches for i in batch],
            loss_of=lambda example: self._loss(self.bridge, [example], Disturbance()),
        )
        set_rate(self.optimizer, self.progress.updates, self.total, config.warmup_fraction)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _loss(self, model: torch.nn.Module, examples: list[Example], disturbance: Disturbance) -> Tensor:
        texts = [example.text for example in examples]
        return model(
            texts,
            [self.task.answer(example.label) for example in examples],
            self.frame,
            disturbance=disturbance,
            taught_by=texts if self.task.taught else None,
        )

    def _evaluate(self) -> None:
        """Measure the dev sets; keep the checkpoint if it is the best so far.

        The progress changes at the end, as a whole: who is stopped before it measures again.
        """
        self.bridge.eval()
        progress, since_best = self.progress, 0
        main = self.accelerator.is_main_process
        if main or is_sharded(self.bridge):  # who holds a share is needed for every pass
            measure = measure_answers if self.task.writes else evaluate_dev
            try:
                score, languages = measure(self.bridge, self.task, self.dev)
            except ModelError as error:
                raise TrainingError(f"{error} {LOOK_AT} {self._kept()}") from None
            if not all(map(math.isfinite, score)):
                raise TrainingError(f"The dev loss is not a number. {LOOK_AT} {self._kept()}")
        if main:
            shown = ", ".join(f"{code} {shown_result(row)}" for code, row in languages.items())
            self.say(f"update {progress.updates} of {self.total}: dev {shown}")
            since_best = progress.since_best + 1
            if progress.best is None or score > progress.best:
                since_best = 0
                progress = dataclasses.replace(
                    progress, best=score, best_update=progress.updates, judged_by=self.judged_by
                )
                save_checkpoint(self._described(languages), self.bridge.trained_state())
            self._log(dev=languages)
        if self.accelerator.num_processes > 1:
            # Only the first process has counted; the others add nothing.
            counted = torch.tensor(since_best, device=self.accelerator.device)
            since_best = int(self.accelerator.reduce(counted, "sum"))
        self.progress = dataclasses.replace(progress, since_best=since_best, evaluated=progress.updates)

    def _described(self, languages: dict[str, Any]) -> CheckpointInfo:
        progress = self.progress
        training = {
            "trained_parameters": sum(p.numel() for p in self.parameters.values()),
            "examples": examples_seen(
                self.lengths, self.config, self.accelerator.num_processes, progress.updates
            ),
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
        self.monitor.log(self.progress.updates, self.progress.seconds, **values)


def machine(device: torch.device) -> str:
    """Return what a training ran on, for its card. Example: "CPU, threads: 2 (x86_64)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, threads: {torch.get_num_threads()} ({platform.machine()})"


def _nothing(_: str) -> None:
    """What a process says that is not the first."""

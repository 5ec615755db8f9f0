"""All that the page asks for, without Gradio: checkpoints, one pair of models, and the lock around them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, RLock

import torch

from fusion_demo.baselines import LLMAlone, Translator
from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.chat import ChatUpdate, Message, check_messages, converse
from fusion_demo.checkpoint_folder import CheckpointFolder
from fusion_demo.classification import Classification, Question, classify_texts, read_question
from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError, FusionDemoError, InputError, unknown_name
from fusion_demo.frozen import FrozenModels
from fusion_demo.lanes import NO_TRANSLATOR, Lane, LaneAnswer, LaneSystems, answer_lane, check_lanes
from fusion_demo.many_texts import AnsweredRow, InputRow, classify_rows
from fusion_demo.tasks import Task, get_task

BATCH_SIZE = 16
"""Texts that the models read at once."""


class Session:
    """Classifies texts, and chats, with the checkpoints of one folder.

    Checkpoints are loaded when first used and share their frozen models. One text is classified or
    answered at a time, so that a session can be called from several threads.

    Args:
        checkpoints: Folder with one checkpoint a subfolder.
        device: Where the models run, as "cpu" or "cuda:0".
        dtype: Number format of the frozen models.
        default_checkpoint: Name of the checkpoint to start with; by default the one with the best
            mean accuracy on the non-English dev sets.
        preset: Only checkpoints between the models of this preset are offered; empty: all are.
        translator: Hub id or folder of an NLLB, M2M100 or Marian model into English, for the translation
            pipeline; empty: there is none.
        compiled: Whether an LLM's graph writes on a CPU, if it has one (`fusion_demo.compiled`), instead of
            torch: the same answers but for rounding, several times faster.

    Attributes:
        at_once: How many requests may be put to it at a time; further ones would only wait for the models.

    Raises:
        ConfigError: there is no such device here, or no such preset.
    """

    at_once = 1

    def __init__(
        self,
        checkpoints: Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        default_checkpoint: str | None = None,
        preset: str = "",
        translator: str = "",
        compiled: bool = True,
    ) -> None:
        _check_device(device)
        self.folder = checkpoints
        self.translator = translator
        self._models = FrozenModels(device=device, dtype=dtype, compiled=compiled)
        self._folder = CheckpointFolder(checkpoints, self._models, default=default_checkpoint, preset=preset)
        self._lock = RLock()

    def check_checkpoints(self) -> None:
        """Refuse a folder that is not in order, before anybody asks.

        Later, what is damaged or deleted costs only those who ask for it.

        Raises:
            CheckpointError: a checkpoint is damaged, or the default one is not there.
        """
        self._folder.check()

    def checkpoints(self, task: str | None = None) -> list[CheckpointInfo]:
        """Return the checkpoints of tasks with labels, or of one task, the one to start with first.

        The folder is read anew each time, so that a bridge trained meanwhile is found.
        """
        return self._folder.with_labels(task)

    def chat_checkpoints(self) -> list[CheckpointInfo]:
        """Return the checkpoints that can chat, the best first: of the better task, then on dev texts."""
        return self._folder.that_chat()

    def tasks(self) -> list[Task]:
        """Return the tasks that have a checkpoint, that of the checkpoint to start with first."""
        return [get_task(name) for name in dict.fromkeys(info.task for info in self.checkpoints())]

    def load(self) -> None:
        """Load all that can be asked for, without asking: every bridge, their frozen models, the translator.

        Otherwise each is loaded when it is first asked for. The LLM alone is one of the bridges' LLMs.

        Raises:
            CheckpointError: a checkpoint is damaged, or made for other frozen models.
            ModelError: a frozen model cannot be loaded.
        """
        with self._lock:
            self._folder.load_all()
            if self.translator:
                self._translator()

    def warm_up(self) -> None:
        """Classify a text and answer one, so that all is loaded when a reader comes.

        Without a checkpoint nothing happens.

        Raises:
            CheckpointError: the checkpoint to start with is damaged, or made for other frozen models.
            ModelError: a frozen model cannot be loaded.
        """
        for info in self.checkpoints()[:1]:
            words = "The first text takes longer."
            second = words if len(get_task(info.task).fields) == 2 else ""
            self.classify(words, info.task, info.name, second)
        if self.chat_checkpoints():
            for _ in self.chat([Message("user", "Hello")], decoding=Decoding(max_new_tokens=1)):
                pass

    def classify(
        self,
        text: str,
        task: str,
        checkpoint: str = "",
        second: str = "",
        *,
        last_layer_only: bool = False,
    ) -> Classification:
        """Ask the LLM for the label of a text, or of a pair of texts, in any language.

        Args:
            text: At most `MAX_CHARACTERS` characters; control characters are left out.
            task: Name of a task.
            checkpoint: Name of a checkpoint of that task; empty for the first of them.
            second: The second text, for a task that asks about pairs.
            last_layer_only: Mask all encoder layers but the last, see `classify_texts`.

        Raises:
            InputError: a text is empty, too long, or nothing that the encoder can read; or there is a
                second text, and the task takes one.
            ConfigError: there is no such task.
            CheckpointError: there is no such checkpoint of this task, or it is damaged.
            ModelError: a frozen model cannot be loaded.
        """
        pair = (text, second)
        (answer,) = self.classify_together([pair], task, checkpoint, last_layer_only=last_layer_only)
        if isinstance(answer, InputError):
            raise answer
        return answer

    def classify_together(
        self,
        pairs: Sequence[tuple[str, str]],
        task: str,
        checkpoint: str = "",
        *,
        last_layer_only: bool = False,
    ) -> list[Classification | InputError]:
        """Ask the LLM for the labels of several texts in one pass; what is wrong with one costs no other.

        Args:
            pairs: A text and a second one each, as for `classify`, few enough for one pass.
            task: As for `classify`, as what follows.
            checkpoint: Name of a checkpoint.
            last_layer_only: Mask all encoder layers but the last.

        Returns:
            An answer for each, in order, or what is wrong with its text.

        Raises:
            FusionDemoError: as `classify`, but for what is wrong with a text.
        """
        asked = get_task(task)
        questions = [_question(asked, pair) for pair in pairs]
        info = self._folder.find(task, checkpoint)
        readable = [question for question in questions if not isinstance(question, InputError)]
        if not readable:
            return questions
        with self._lock:
            answers = classify_texts(
                self._folder.load(info), asked, readable, last_layer_only=last_layer_only
            )
        found = iter(answers)
        return [question if isinstance(question, InputError) else next(found) for question in questions]

    def classify_many(
        self, rows: Sequence[InputRow], task: str, checkpoint: str = "", *, batch_size: int = BATCH_SIZE
    ) -> Iterator[AnsweredRow]:
        """Ask the LLM for the labels of many texts, or pairs of texts, in batches of like length.

        Answers come as soon as they are there, in another order than the rows. What is wrong with one row is
        that row's problem. Between two batches, others may ask.

        Args:
            rows: The texts, as `read_lines` and `read_upload` return them.
            task: Name of a task.
            checkpoint: Name of a checkpoint of that task; empty for the first of them.
            batch_size: Texts per batch.

        Raises:
            ConfigError: there is no such task.
            CheckpointError: there is no such checkpoint of this task; a damaged one is refused on reading.
        """
        asked, info = get_task(task), self._folder.find(task, checkpoint)
        return classify_rows(lambda: self._folder.load(info), self._lock, rows, asked, batch_size=batch_size)

    def compare(
        self, text: str, task: str, lanes: Sequence[Lane], second: str = ""
    ) -> Iterator[LaneAnswer | FusionDemoError]:
        """Ask several systems about a text, or a pair of texts, one after the other.

        Args:
            text: As for `classify`.
            task: Name of a task.
            lanes: The systems, as many as `check_lanes` allows.
            second: The second text, for a task that asks about pairs.

        Returns:
            What becomes of each lane, in order, as soon as it is there; a lane that fails costs no other one.

        Raises:
            InputError: a text cannot be used, as for `classify`; or there are no lanes, too many, or one
                that cannot be.
            ConfigError: there is no such task.
        """
        asked = get_task(task)
        check_lanes(lanes)
        question = read_question(asked, (text, second))
        systems = LaneSystems(
            bridge=lambda name: self._folder.load(self._folder.find(task, name)),
            llm_alone=lambda: self._llm_alone(task),
            translator=self._translator,
        )
        return (answer_lane(lane, asked, question, systems, self._lock) for lane in lanes)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        checkpoint: str = "",
        decoding: Decoding | None = None,
        straight: bool = False,
        stop: Event | None = None,
    ) -> Iterator[ChatUpdate]:
        """Answer the last message of a conversation, in any language, token by token in English.

        See `converse`, which does it and says what it raises; what the models cannot do is raised on reading.

        Args:
            messages: User and assistant in turn, the user first and last.
            checkpoint: Name of a checkpoint that can chat; empty for the first of them.
            decoding: How the answer is written.
            straight: Give an English message to the LLM as its own tokens, without the bridge.
            stop: Ends the turn when set, as closing the iterator does.

        Raises:
            InputError: the messages are no conversation.
            CheckpointError: there is no such checkpoint.
        """
        check_messages(messages)
        info = self._folder.find_chat(checkpoint)
        return converse(
            lambda: self._folder.load_chat(info),
            self._lock,
            messages,
            decoding=decoding,
            straight=straight,
            stop=stop,
        )

    @contextmanager
    def bridge(self, task: str, checkpoint: str = "") -> Iterator[FusionBridge]:
        """Lend the bridge of a checkpoint for a `with` block; until its end nobody else uses the models.

        Args:
            task: Name of a task.
            checkpoint: Name of a checkpoint of that task; empty for the first of them.

        Raises:
            CheckpointError: there is no such checkpoint of this task, or it is damaged.
            ModelError: a frozen model cannot be loaded.
        """
        info = self._folder.find(task, checkpoint)
        with self._lock:
            yield self._folder.load(info)

    def _llm_alone(self, task: str) -> LLMAlone:
        """The LLM of the task's first checkpoint, prompted as that one prompts it."""
        config = self._folder.find(task).bridge
        return LLMAlone(
            self._models.llm(config.llm),
            prompt_form=config.prompt_form,
            template_arguments=config.template_arguments,
        )

    def _translator(self) -> Translator:
        if not self.translator:
            raise ConfigError(NO_TRANSLATOR)
        loaded = self._models.translator(self.translator)
        return Translator(loaded.model, loaded.tokenizer, name=self.translator)


def _question(task: Task, pair: tuple[str, str]) -> Question | InputError:
    try:
        return read_question(task, pair)
    except InputError as error:
        return error


def _check_device(name: str) -> None:
    found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    if name not in found:
        raise ConfigError(unknown_name("device", name, found))

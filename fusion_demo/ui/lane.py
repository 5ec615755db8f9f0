"""What the tab Compare shows of one lane: how it came to its answer, and what it took."""

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from fusion_demo.card import CheckpointInfo
from fusion_demo.errors import FusionDemoError
from fusion_demo.lanes import LLM_ALONE, MAX_LANES, TRANSLATION, Lane, LaneAnswer
from fusion_demo.ui.direction import text_direction
from fusion_demo.ui.reading import (
    draw_heatmap,
    facts_html,
    language_fact,
    own_tokens,
    problem_html,
    reading_notes,
)
from fusion_demo.ui.translations import ui_text

MEGABYTE = 1_000_000
SYSTEM_NAMES = {LLM_ALONE: "llm_alone", TRANSLATION: "translation_pipeline"}
"""Systems without a checkpoint, by the name that they have for programs → key of the text that names them."""


@dataclass(frozen=True)
class LaneParts:
    """The components of a lane."""

    column: gr.Column
    system: gr.Dropdown
    last_layer_only: gr.Checkbox
    answer: gr.Label
    details: gr.HTML
    heatmap: gr.Plot

    @property
    def shown(self) -> list[gr.components.Component]:
        """What an answer changes."""
        return [self.answer, self.details, self.heatmap]

    def blank(self, details: str | None = None) -> dict[Any, Any]:
        """Return the update that shows no answer, and in its place some HTML, or how to get one."""
        return {self.answer: None, self.details: hint_html() if details is None else details}

    def draw(self, answer: LaneAnswer | FusionDemoError, view: str) -> dict[Any, Any]:
        """Return the update that shows an answer, or why there is none."""
        if isinstance(answer, FusionDemoError):
            return self.blank(problem_html(str(answer)))
        update = {self.answer: answer.scores, self.details: lane_html(answer)}
        if answer.classification is not None:
            update[self.heatmap] = draw_heatmap(answer.classification, view)
        return update

    def choose(self, lane: Lane) -> dict[Any, Any]:
        """Return the update of the switch, which only a bridge has."""
        bridge = has_layers(lane.system)
        return {self.last_layer_only: gr.Checkbox(lane.last_layer_only and bridge, interactive=bridge)}


def build_lane(
    number: int, lane: Lane, choices: list[tuple[str | I18nData, str]], *, visible: bool
) -> LaneParts:
    """Build a lane in the current `gr.Blocks`.

    Args:
        number: From 1.
        lane: What it begins with.
        choices: What it may be.
        visible: Whether it is shown.
    """
    with gr.Column(visible=visible, min_width=260, elem_id=f"lane-{number}", elem_classes="lane") as column:
        return LaneParts(
            column,
            gr.Dropdown(
                choices,
                value=lane.system,
                label=ui_text("lane", number=number),
                elem_id=f"lane-system-{number}",
            ),
            gr.Checkbox(
                lane.last_layer_only,
                label=ui_text("last_layer_only"),
                interactive=has_layers(lane.system),
                elem_id=f"lane-last-{number}",
            ),
            gr.Label(
                label=ui_text("answer"), elem_classes="lane-answer"
            ),  # the style sheet hides it while empty
            gr.HTML(hint_html(), elem_classes="lane-details"),
            gr.Plot(show_label=False, container=False, elem_classes=["lane-heatmap", "layer-plot"]),
        )


def lane_of(system: str | None, last_layer_only: bool) -> Lane:
    """Return the lane that is chosen; the switch means nothing to a system without a bridge."""
    return Lane(system or "", bool(last_layer_only) and has_layers(system))


def system_choices(checkpoints: list[CheckpointInfo]) -> list[tuple[str | I18nData, str]]:
    """Return the systems that a lane may be, as names for readers and for programs."""
    names = [(info.name, info.name) for info in checkpoints]
    return names + [(ui_text(key), system) for system, key in SYSTEM_NAMES.items()]


def start_lanes(checkpoints: list[CheckpointInfo]) -> list[Lane]:
    """Return what lanes begin with: the best checkpoint, the same by its last layer, and the baselines."""
    best = checkpoints[0].name
    return [Lane(best), Lane(best, last_layer_only=True), Lane(LLM_ALONE), Lane(TRANSLATION)][:MAX_LANES]


def has_layers(system: str | None) -> bool:
    """Return whether a system is a bridge, whose layers can be masked."""
    return system not in SYSTEM_NAMES


def hint_html() -> str:
    """Return HTML for a lane that was not asked yet, as one that is added behind a comparison."""
    return f'<div class="note">{ui_text("lane_hint")}</div>'


def lane_html(answer: LaneAnswer) -> str:
    """Return HTML with the translation if there is one, the facts of an answer, and what to know about it."""
    facts, notes = [], []
    result = answer.classification
    if result is not None:
        facts += [("Language", language_fact(result)), ("Tokens", str(len(own_tokens(result))))]
        notes = reading_notes(result)
    else:
        facts.append(("LLM tokens", f"{answer.llm_tokens:,}"))
        if answer.truncated:
            notes.append("The text is long: only the beginning was read.")
    times = {stage: f"{milliseconds:,.0f} ms" for stage, milliseconds in answer.milliseconds.items()}
    if len(times) == 1:
        facts.append(("Time", times["answer"]))
    else:
        facts += [(f"Time, {stage}", time) for stage, time in times.items()]
    for kind, names in (("Frozen", ("encoder", "translator", "LLM")), ("Trained", ("bridge",))):
        sizes = [f"{name} {megabytes(answer.weights[name])}" for name in names if name in answer.weights]
        if sizes:
            facts.append((f"{kind} weights", ", ".join(sizes)))
    facts.append(("Peak memory", _peak(answer)))
    read = '<span class="answered"></span>'
    if result is not None:  # where these stand, the style sheet shows the answer and the heatmap
        text = result.text if isinstance(result.text, str) else " ".join(result.text)
        read += f'<span class="has-layers" data-heatmap="{text_direction(text)}"></span>'
    return f"{read}{_english(answer)}{facts_html(facts, notes)}"


def megabytes(size: int) -> str:
    """Return a size as a reader sees it. Example: 1_234_567 -> "1.2 MB"."""
    return f"{size / MEGABYTE:,.1f} MB" if size < 10 * MEGABYTE else f"{size / MEGABYTE:,.0f} MB"


def _english(answer: LaneAnswer) -> str:
    if answer.english is None:
        return ""
    parts = [answer.english] if isinstance(answer.english, str) else answer.english
    lines = "".join(f"<p>{html.escape(part) or '(nothing)'}</p>" for part in parts)
    return f'<div class="english"><div class="shaded-name">The translator wrote</div>{lines}</div>'


def _peak(answer: LaneAnswer) -> str:
    memory = answer.memory
    if memory.peak is None or memory.before is None:
        return "not measurable here"
    return f"{megabytes(memory.peak)} (+{megabytes(max(0, memory.peak - memory.before))})"

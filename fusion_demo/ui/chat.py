"""The tab Chat: a message in any language, an answer in English, and what the LLM made of the message."""

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from fusion_demo.chat import CHAT_DECODING
from fusion_demo.decoding import MAX_NEW_TOKENS, MAX_SEED, Decoding
from fusion_demo.errors import FusionDemoError
from fusion_demo.session import Session
from fusion_demo.ui.chat_examples import CHAT_EXAMPLES
from fusion_demo.ui.chat_panel import being_understood, heard_words, message_choices, turn_facts, understood
from fusion_demo.ui.chat_state import Exchange, Running, bubbles, is_busy
from fusion_demo.ui.heatmap_panel import HeatmapPanel
from fusion_demo.ui.reading import ONE_AT_A_TIME, language_name, problem_html
from fusion_demo.ui.translations import ui_text

LOG = logging.getLogger(__name__)

SILENT_SECONDS = 5.0
"""Clear waits at most this long for an answer that is being written; it stops after its next token."""


def chat_tab(session: Session) -> None:
    """Build the tab inside the current `gr.Blocks` and wire it to a session."""

    def take(text: str, exchanges: list[Exchange], current: Running | None) -> dict[Any, Any]:
        if is_busy(current):
            gr.Info("Wait for the answer, or press Stop.")
            return {box: gr.skip()}
        return begin(Running(text or "", exchanges, exchanges), "")

    def retry(exchanges: list[Exchange], current: Running | None, text: str) -> dict[Any, Any]:
        if is_busy(current) or not exchanges:
            return {box: gr.skip()}
        return begin(Running(exchanges[-1].text, exchanges, exchanges[:-1]), text)

    def begin(started: Running, text: str) -> dict[Any, Any]:
        return {
            running: started,
            box: text,
            talk: bubbles(started.before, started.text, ""),
            problem: gr.HTML(visible=False),
            send: gr.Button(visible=False),
            stop: gr.Button(visible=True),
        }

    def answer(
        started: Running | None, view: str, scale: str, layer: int, checkpoint: str, *choices: Any
    ) -> Iterator[dict[Any, Any]]:
        if started is None or started.begun:
            yield {box: gr.skip()}
            return
        started.begun = True
        try:
            yield from follow(started, (view, scale, layer), checkpoint, choices)
        except FusionDemoError as error:
            yield give_back(started, str(error))
        except Exception:  # whatever it is, the conversation must not be lost with it
            LOG.exception("A chat turn failed.")
            yield give_back(started, str(ui_text("answer_failed")))
        finally:
            started.ended = True
            started.silent.set()
        # Gradio sends the last update again at the end, when the next message may be on its way already.
        yield {box: gr.skip()}

    def follow(
        started: Running, look: tuple[Any, ...], checkpoint: str, choices: tuple[Any, ...]
    ) -> Iterator[dict[Any, Any]]:
        *values, straight = choices
        updates = session.chat(
            started.messages(),
            checkpoint=checkpoint or "",
            decoding=decoding_of(*values),
            straight=straight,
            stop=started.stop,
        )
        turn = None
        try:
            for update in updates:
                if started.dismissed:
                    return
                turn = update.turn
                if turn is None and not update.done:
                    # What stands beside it is of the message before, until this one is understood.
                    yield {
                        talk: bubbles(started.before, started.text, update.answer),
                        hint: gr.HTML(visible=False),
                        echo: being_understood(update.echo),
                        facts: "",
                        hears: "",
                    }
        finally:
            updates.close()
        if turn is None or (turn.stopped and not turn.answer):  # stopped before it was answered
            yield {**give_back(started), echo: ""}
            return
        # From here on the answer stays, whatever becomes of the drawing.
        started.kept = [*started.before, Exchange(started.text, turn)]
        yield {
            conversation: started.kept,
            talk: bubbles(started.kept),
            **show_turn(started.kept, len(started.before), *look),
            **idle(),
        }

    def halt(started: Running | None) -> dict[Any, Any]:
        if not is_busy(started):
            return idle()
        started.stop.set()
        if started.begun:
            return {stop: gr.Button(interactive=False)}
        started.begun = started.ended = True
        started.silent.set()
        return give_back(started)

    def give_back(started: Running, message: str = "") -> dict[Any, Any]:
        """Take a message out of the conversation again, and put it back where it came from."""
        return {
            talk: bubbles(started.kept),
            problem: gr.HTML(problem_html(message), visible=True) if message else gr.HTML(visible=False),
            **({} if started.answered else {box: started.text}),
            **idle(),
        }

    def idle() -> dict[Any, Any]:
        return {send: gr.Button(visible=True), stop: gr.Button(visible=False, interactive=True)}

    def clear(started: Running | None) -> dict[Any, Any]:
        if started is None:  # nothing was said since the last time
            return {box: gr.skip()}
        begun, started.begun = started.begun, True
        started.ended = started.dismissed = True
        started.stop.set()
        if begun:
            # An update that is on its way would come after this one and bring the message back.
            started.silent.wait(SILENT_SECONDS)
        return {
            running: None,
            conversation: [],
            talk: [],
            problem: gr.HTML(visible=False),
            hint: gr.HTML(visible=True),
            echo: "",
            **idle(),
        }

    def show_turn(exchanges: list[Exchange], index: int, *look: Any) -> dict[Any, Any]:
        turn = exchanges[index].turn
        return {
            hint: gr.HTML(visible=False),
            pick: gr.Dropdown(choices=message_choices([e.text for e in exchanges]), value=index),
            facts: turn_facts(turn),
            echo: understood(turn),
            hears: heard_words(turn),
            **({panel.state: None} if turn.straight else panel.show(turn, *look)),
        }

    def choose(index: int | None, exchanges: list[Exchange], *look: Any) -> dict[Any, Any]:
        if index is None or not 0 <= index < len(exchanges):
            return {pick: gr.skip()}
        return show_turn(exchanges, index, *look)

    def choose_bubble(
        exchanges: list[Exchange], view: str, scale: str, layer: int, event: gr.SelectData
    ) -> dict[Any, Any]:
        position = event.index[0] if isinstance(event.index, list | tuple) else event.index
        return choose(position // 2, exchanges, view, scale, layer)

    conversation, running = gr.State([]), gr.State(None)
    with gr.Row(elem_classes="chat"):
        with gr.Column(scale=5, min_width=320):
            talk = gr.Chatbot(
                label=ui_text("conversation"),
                height=460,
                placeholder=ui_text("chat_placeholder"),
                render_markdown=False,  # what was typed and written is shown as it stands
                feedback_options=None,
                buttons=[],
                group_consecutive_messages=False,
                elem_id="talk",
            )
            problem = gr.HTML(visible=False, elem_id="chat-problem")
            box = gr.Textbox(
                label=ui_text("message_box"),
                placeholder=ui_text("type_question"),
                lines=1,
                max_lines=6,
                elem_id="message",
            )
            with gr.Row():
                send = gr.Button(ui_text("send"), variant="primary", elem_id="send", min_width=80)
                stop = gr.Button(ui_text("stop"), variant="stop", visible=False, elem_id="stop", min_width=80)
                again = gr.Button(ui_text("retry"), elem_id="retry", min_width=80)
                empty = gr.Button(ui_text("clear"), elem_id="clear", min_width=80)
            shelf = gr.Dataset(
                components=[box],
                samples=[[question] for _, question, _ in CHAT_EXAMPLES],
                sample_labels=[f"{language_name(code)}: {meaning}" for code, _, meaning in CHAT_EXAMPLES],
                type="index",
                label=ui_text("chat_examples"),
                samples_per_page=len(CHAT_EXAMPLES),
                elem_id="chat-examples",
            )
            settings = _settings(session)
        with gr.Column(scale=4, min_width=320):
            hint = gr.HTML(f"<p>{ui_text('chat_hint')}</p>", elem_id="chat-hint")
            # The style sheet hides it while it is empty. Gradio would leave it out of the page, and a
            # figure that arrives while its place is being made is lost.
            with gr.Column(elem_classes="chat-panel"):
                pick = gr.Dropdown([], label=ui_text("message"), elem_id="pick", filterable=False)
                echo = gr.HTML(elem_id="echo")
                facts = gr.HTML(elem_id="chat-facts")
                with gr.Column(elem_classes="heard-and-used"):
                    gr.Markdown(ui_text("what_the_llm_hears"))
                    hears = gr.HTML(elem_id="hears")
                    gr.Markdown(ui_text("which_layers"))
                    panel = HeatmapPanel("chat-")

    at_once = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    shown = [hint, pick, facts, echo, hears, *panel.outputs]
    controls = [talk, problem, box, send, stop]
    asked = [running, *panel.choices, *settings]
    sent = [running, *controls]
    taken = [
        trigger(take, [box, conversation, running], sent, **at_once) for trigger in (send.click, box.submit)
    ]
    example = shelf.click(_question, shelf, box, **at_once)
    taken.append(example.then(take, [box, conversation, running], sent, **at_once))
    taken.append(again.click(retry, [conversation, running, box], sent, **at_once))
    for event in taken:
        event.then(
            answer,
            asked,
            [conversation, *controls, *shown],
            show_progress="hidden",
            api_visibility="private",
            **ONE_AT_A_TIME,
        )
    stop.click(halt, running, controls, **at_once)
    # Through the queue, behind the updates that are on their way, so that none of them comes after it.
    in_order = at_once | {"queue": True, "concurrency_limit": None}
    for trigger in (empty.click, talk.clear):
        trigger(clear, running, [conversation, *sent, *shown], **in_order)
    talk.select(choose_bubble, [conversation, *panel.choices], shown, **at_once)
    pick.input(choose, [pick, conversation, *panel.choices], shown, **at_once)


def decoding_of(
    temperature: float,
    top_p: float,
    max_new_tokens: float,
    repetition_penalty: float,
    no_repeat_ngram: float,
    seed: float | None,
) -> Decoding:
    """Return the decoding that the settings ask for; the sliders hand over whole numbers as floats, too.

    Raises:
        InputError: a value is out of its range.
    """
    return Decoding(
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=int(max_new_tokens),
        repetition_penalty=repetition_penalty,
        no_repeat_ngram=int(no_repeat_ngram),
        seed=None if seed is None else int(seed),
    )


def _settings(session: Session) -> list[gr.components.Component]:
    """Show how an answer is written: the checkpoint, the values of `decoding_of`, and the way of English."""
    names = [info.name for info in session.chat_checkpoints()]
    with gr.Accordion(ui_text("settings"), open=False, elem_id="settings"):
        checkpoint = gr.Dropdown(
            names, value=names[0], label=ui_text("checkpoint"), elem_id="chat-checkpoint"
        )
        straight = gr.Checkbox(False, label=ui_text("straight"), info=ui_text("straight_info"))
        with gr.Row():
            temperature = gr.Slider(0, 2, CHAT_DECODING.temperature, step=0.05, label=ui_text("temperature"))
            top_p = gr.Slider(0.05, 1, CHAT_DECODING.top_p, step=0.05, label=ui_text("top_p"))
        with gr.Row():
            length = gr.Slider(
                8, MAX_NEW_TOKENS, CHAT_DECODING.max_new_tokens, step=8, label=ui_text("longest_answer")
            )
            penalty = gr.Slider(
                1, 2, CHAT_DECODING.repetition_penalty, step=0.05, label=ui_text("repetition_penalty")
            )
        with gr.Row():
            ngram = gr.Slider(
                0, 10, CHAT_DECODING.no_repeat_ngram, step=1, label=ui_text("no_repeated_ngram")
            )
            seed = gr.Number(value=None, precision=0, minimum=0, maximum=MAX_SEED, label=ui_text("chat_seed"))
    return [checkpoint, temperature, top_p, length, penalty, ngram, seed, straight]


def _question(index: int) -> str:
    return CHAT_EXAMPLES[index][1]

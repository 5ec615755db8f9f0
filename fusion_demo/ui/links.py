"""Links that carry what the page shows: `?tab=classify&task=news&checkpoint=…&text=…`.

A link holds all of it itself: nothing is kept on the server. What it holds is read as strictly as what is
typed; a value that the page does not know is left out, and the page says so.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError, shown
from fusion_demo.input_text import longest_text
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.translations import ui_text

TAB, TASK, CHECKPOINT, TEXT, SECOND = PARAMETERS = ("tab", "task", "checkpoint", "text", "second")
CLASSIFY = "classify"
"""Id of the tab that task, checkpoint and texts belong to."""

MOST_NOTICES = 5
COPY, COPIED, IN_BAR = (str(ui_text(key)) for key in ("copy_link", "link_copied", "link_in_bar"))

_NAMES = [TASK, CHECKPOINT, TEXT, SECOND]
COPY_JS = f"""async (...values) => {{
    const url = new URL(location.href);
    url.search = '';
    url.searchParams.set('{TAB}', '{CLASSIFY}');
    {_NAMES}.forEach((name, i) => {{ if (values[i]) url.searchParams.set(name, values[i]); }});
    history.replaceState(null, '', url);
    try {{
        await navigator.clipboard.writeText(url.href);
        return '{COPIED}';
    }} catch {{
        return '{IN_BAR}';
    }}
}}"""
RESTORE_LABEL_JS = f"() => new Promise(done => setTimeout(() => done('{COPY}'), 2500))"
RESTORED_JS = "() => { window.fusionDemoRestored = true; }"
"""From now on the address follows the tabs: the one that opens first must not overwrite a link."""
KEEP_TAB_JS = """() => {{
    const url = new URL(location.href);
    if (!window.fusionDemoRestored || url.searchParams.get('tab') === '{tab}') return;
    url.search = '';
    url.searchParams.set('tab', '{tab}');
    history.replaceState(null, '', url);
}}"""
PRESS_JS = """asked => { if (asked) document.querySelector('#classify')?.click(); }"""


@dataclass(frozen=True)
class LinkedInputs:
    """The inputs of the tab Classify, for a link to fill.

    Attributes:
        task: Menu of tasks.
        checkpoint: Menu of checkpoints.
        text: The first box.
        second: The box for the second text of a pair.
        choose_task: What happens when the reader chooses a task: name → updates of `follow_task`.
        follow_task: What follows the task, the menu of checkpoints first.
    """

    task: gr.Dropdown
    checkpoint: gr.Dropdown
    text: gr.Textbox
    second: gr.Textbox
    choose_task: Callable[[str], Sequence[Any]]
    follow_task: Sequence[gr.blocks.Block]


@dataclass(frozen=True)
class LinkState:
    """What of a link is known here, and what is not.

    Attributes:
        tab: Id of a tab, or None.
        task: Name of a task with a checkpoint, or None.
        checkpoint: Name of a checkpoint of that task, or None.
        text: The first text; empty if there is none.
        second: The second text of a pair.
        notices: A sentence for each value that was left out.
    """

    tab: str | None = None
    task: str | None = None
    checkpoint: str | None = None
    text: str = ""
    second: str = ""
    notices: list[str] = field(default_factory=list)


def read_link(query: Mapping[str, str], tabs: Sequence[str], session: Session) -> LinkState:
    """Read the parameters of a link; whatever the page does not know is named in a notice.

    Args:
        query: Parameter → value; other parameters than `PARAMETERS` are none of ours.
        tabs: Ids of the tabs that the page has.
        session: Says which tasks and checkpoints there are.
    """
    asked = {name: query[name] for name in PARAMETERS if query.get(name)}
    notices: list[str] = []

    def known(name: str, available: Sequence[str]) -> str | None:
        value = asked.get(name)
        if value is None or value in available:
            return value
        notices.append(f"The link asks for the {name} {shown(value)}, which is not here.")
        return None

    tab = known(TAB, tabs)
    task = known(TASK, [task.name for task in session.tasks()])
    names = {info.name: info.task for info in session.checkpoints()}
    if task is None and TASK not in asked and asked.get(CHECKPOINT) in names:
        task = names[asked[CHECKPOINT]]
    of_task = [name for name, own in names.items() if task in (None, own)]
    checkpoint = known(CHECKPOINT, of_task) if task is not None or CHECKPOINT in asked else None
    texts = {}
    for name in (TEXT, SECOND):
        texts[name] = asked.get(name, "")
        if len(texts[name]) > longest_text():
            notices.append(
                f"The link's text has {len(texts[name]):,} characters and was left out; at most "
                f"{longest_text():,} can be read."
            )
            texts[name] = ""
    if texts[SECOND] and task is not None and len(get_task(task).fields) == 1:
        texts[SECOND] = ""
    if tab is None and TAB not in asked and CLASSIFY in tabs and asked:
        tab = CLASSIFY
    return LinkState(tab, task, checkpoint if task else None, texts[TEXT], texts[SECOND], notices)


def notice_html(notices: Sequence[str]) -> str:
    """Return what is said about a link, escaped; at most `MOST_NOTICES` sentences."""
    lines = "".join(f"<div>{html.escape(notice)}</div>" for notice in notices[:MOST_NOTICES])
    return f'<div class="link-notice" role="status">{lines}</div>'


def copy_link_button(
    task: gr.Dropdown, checkpoint: gr.Dropdown, text: gr.Textbox, second: gr.Textbox
) -> None:
    """Add a button that copies a link to these inputs, and puts it into the address bar."""
    button = gr.Button(COPY, variant="secondary", elem_id="copy-link")
    private = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    copied = button.click(None, [task, checkpoint, text, second], button, js=COPY_JS, **private)
    copied.then(None, None, button, js=RESTORE_LABEL_JS, **private)


def restore_links(
    demo: gr.Blocks,
    session: Session,
    tabs: gr.Tabs,
    known: Mapping[str, gr.Tab],
    inputs: LinkedInputs | None,
    notice: gr.HTML,
) -> None:
    """Open the page as its address says, and keep the open tab there, so that a reload returns to it.

    A link with a text also asks for its answer.

    Args:
        demo: The page.
        session: Says which tasks and checkpoints there are.
        tabs: All tabs.
        known: Id → tab.
        inputs: Those of the tab Classify, if there is one.
        notice: Where the page says what of a link it does not know.
    """

    def restore(request: gr.Request) -> list[Any]:
        try:
            state = read_link(request.query_params, list(known), session)
        except FusionDemoError as error:
            state = LinkState(notices=[str(error)])
        said = gr.HTML(notice_html(state.notices), visible=bool(state.notices))
        opened = gr.Tabs(selected=state.tab) if state.tab else gr.skip()
        if inputs is None:
            return [opened, said]
        if state.task is None:
            return [opened, said, state, gr.skip(), *[gr.skip() for _ in inputs.follow_task]]
        return [opened, said, state, state.task, *inputs.choose_task(state.task)]

    def fill(state: LinkState) -> list[Any]:
        texts = (state.text or gr.skip(), state.second or gr.skip())
        return [state.checkpoint or gr.skip(), *texts, bool(state.text)]

    quiet = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    if inputs is None:
        done = demo.load(restore, None, [tabs, notice], **quiet)
    else:
        state, asked = gr.State(LinkState()), gr.Checkbox(visible=False)
        follow = [inputs.task, *inputs.follow_task]
        opened = demo.load(restore, None, [tabs, notice, state, *follow], **quiet)
        boxes = [inputs.checkpoint, inputs.text, inputs.second, asked]
        filled = opened.then(fill, state, boxes, **quiet)
        done = filled.then(None, asked, None, js=PRESS_JS, **quiet)
    done.then(None, None, None, js=RESTORED_JS, **quiet)
    for name, tab in known.items():
        tab.select(None, None, None, js=KEEP_TAB_JS.format(tab=name), **quiet)

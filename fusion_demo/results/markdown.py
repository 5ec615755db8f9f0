"""Blocks as Markdown."""

from collections.abc import Sequence

from fusion_demo.results.blocks import Block, Commands, Section, Table


def render_section(section: Section) -> str:
    """Return a section as Markdown, with a line feed at its end."""
    return render_blocks([f"## {section.heading}\n", *section.blocks])


def render_blocks(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown, with an empty line between them and a line feed at the end."""
    return "\n".join(map(_render_block, blocks))


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, with a line feed at its end.

    Example: `table(["a", "b"], [["1", "2"]])` -> "| a | b |\\n| --- | --- |\\n| 1 | 2 |\\n".
    """
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _render_block(block: Block) -> str:
    if isinstance(block, Commands):
        return "".join("    " + line.replace("\n", "\n    ") + "\n" for line in block.lines)
    if isinstance(block, Table):
        caption = f"{block.caption}\n\n" if block.caption else ""
        return caption + table(block.header, block.body)
    return block

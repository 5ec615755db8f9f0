"""Blocks as Markdown."""

from collections.abc import Sequence

from fusion_demo.results.blocks import Block, Commands, Picture, Section, Table


def render_section(section: Section, folder: str = "results") -> str:
    """Return a section as Markdown, with a line feed at its end; its pictures' files are in the folder."""
    blocks = [
        f"![{block.text}]({folder}/{block.name})\n" if isinstance(block, Picture) else block
        for block in section.blocks
    ]
    return render_blocks([f"## {section.heading}\n", *blocks])


def render_blocks(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown, but for pictures: an empty line between them, a line feed at the end."""
    return "\n".join(_render_block(block) for block in blocks if not isinstance(block, Picture))


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, with a line feed at its end.

    Example: `table(["a", "b"], [["1", "2"]])` -> "| a | b |\\n| --- | --- |\\n| 1 | 2 |\\n".
    """
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _render_block(block: str | Table | Commands) -> str:
    if isinstance(block, Commands):
        return "".join("    " + line.replace("\n", "\n    ") + "\n" for line in block.lines)
    if isinstance(block, Table):
        caption = f"{block.caption}\n\n" if block.caption else ""
        return caption + table(block.header, block.body)
    return block

"""Lists of sizes on the command line."""

import argparse

from fusion_demo.config import comma_separated


def size_list(text: str) -> list[int]:
    """Read two or more whole numbers, each at least 1, in rising order, for an option's `type`.

    Example: "16,64" -> [16, 64].
    """
    try:
        sizes = sorted({int(part) for part in comma_separated(text)})
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"give whole numbers with commas between them, not {text!r}"
        ) from None
    if len(sizes) < 2 or sizes[0] < 1:
        raise argparse.ArgumentTypeError("give two or more different numbers, each at least 1")
    return sizes

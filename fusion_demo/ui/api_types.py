"""What a program may send to the endpoints."""

from typing import Any

from fusion_demo.errors import InputError


def check_type(name: str, value: Any, *types: type) -> None:
    """Refuse a value of another type, in the words of JSON.

    Args:
        name: What a message calls the value.
        value: As it came out of JSON.
        types: Those allowed; the message names the last.

    Raises:
        InputError: it has none of these types.
    """
    names = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    names |= {list: "a list", dict: "an object"}
    # JSON's true and false are no numbers, whatever Python says.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise InputError(f"{name} must be {names[types[-1]]}, not {type(value).__name__}.")

"""What may be said of a difference."""

LEVEL = 0.05
A_BETTER, B_BETTER, NOT_SEPARABLE = VERDICTS = ("A better", "B better", "not separable")


def verdict(interval: tuple[float, float], p_value: float) -> str:
    """Return "A better", "B better" or "not separable".

    One is better if the p-value is below 0.05 and the interval lies on one side of zero.

    Args:
        interval: 95 % interval of A's accuracy less B's.
        p_value: After the correction for several languages, where there is one.

    Example: (0.01, 0.05) and 0.03 -> "A better"; (0.0, 0.05) and 0.03 -> "not separable".
    """
    low, high = interval
    if p_value < LEVEL and low > 0:
        return A_BETTER
    if p_value < LEVEL and high < 0:
        return B_BETTER
    return NOT_SEPARABLE

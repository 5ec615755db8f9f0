"""How far two layer profiles are from one another."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon


def profile_distances(profiles: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the Jensen-Shannon distances between layer profiles (Endres and Schindelin, 2003).

    The square root of the Jensen-Shannon divergence to base 2: 0 between equal profiles, 1 between profiles
    that share no layer.

    Args:
        profiles: N profiles of L numbers; each is divided by its sum.

    Returns:
        (N, N), symmetric, zero on the diagonal.

    Example: (1, 0) and (0, 1) -> 1.
    """
    rows = np.asarray(profiles, dtype=float)
    # Rounding may leave the divergence of equal profiles a little below 0.
    return np.nan_to_num(np.array([[jensenshannon(one, other, base=2) for other in rows] for one in rows]))

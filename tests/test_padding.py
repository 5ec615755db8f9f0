import torch

from fusion_demo.padding import IGNORED, pad


def test_short_rows_are_filled_up_on_either_side():
    rows = [[1, 2], (3,), []]
    assert pad(rows, torch.device("cpu")).tolist() == [[1, 2], [3, IGNORED], [IGNORED, IGNORED]]
    assert pad(rows, torch.device("cpu"), side="left").tolist() == [[1, 2], [IGNORED, 3], [IGNORED] * 2]

import torch

from fusion_demo.branches import branch_attention, branch_positions, positions_behind

MASK = torch.tensor([[True, True], [False, True]])


def test_masked_places_take_no_position():
    mask = torch.tensor([[False, True, True], [True, False, True]])
    assert positions_behind(mask, 5).tolist() == [[5, 5, 6], [5, 5, 6]]
    assert positions_behind(mask, 0).tolist() == [[0, 0, 1], [0, 0, 1]]


def test_each_branch_stands_right_behind_the_text():
    assert branch_positions(MASK, 3, [2, 1]).tolist() == [[3, 4, 5, 6, 5], [3, 3, 4, 5, 4]]
    assert branch_positions(MASK, 3, []).tolist() == [[3, 4], [3, 3]]


def test_a_branch_sees_the_prefix_the_text_and_its_own_beginning():
    attention = branch_attention(MASK, 1, [2, 1], torch.float32)
    assert attention.shape == (2, 1, 5, 6)
    whole, padded = (attention[:, 0] == 0).int().tolist()
    # Columns: a token of the prefix, two of the text, two of the first branch, one of the second.
    assert whole == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 0, 0, 1],
    ]
    assert padded == [
        [1, 1, 0, 0, 0, 0],  # nobody else sees the padded place
        [1, 0, 1, 0, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [1, 0, 1, 1, 1, 0],
        [1, 0, 1, 0, 0, 1],
    ]


def test_what_is_not_seen_has_the_lowest_number_of_its_format():
    for dtype in (torch.float32, torch.bfloat16):
        attention = branch_attention(MASK, 0, [1], dtype)
        assert attention.dtype == dtype
        assert set(attention.flatten().tolist()) == {0.0, torch.finfo(dtype).min}

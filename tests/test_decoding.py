import pytest
import torch

from fusion_demo.decoding import Decoding, StopWhen
from fusion_demo.errors import InputError
from fusion_demo.pretrained.tiny import build_tiny_llm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, not 0"),
        ({"temperature": -0.1}, "temperature must be at least 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"repetition_penalty": 0.0}, "repetition penalty must be above 0"),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Decoding(**options)


def test_greedy_decoding_names_no_sampling_option():
    tokenizer = build_tiny_llm()[1]
    options = Decoding().generate_options(tokenizer)
    assert options["do_sample"] is False
    assert options["temperature"] is options["top_p"] is options["top_k"] is None
    assert options["pad_token_id"] == tokenizer.pad_token_id


def test_the_end_token_pads_where_there_is_no_padding_token():
    tokenizer = build_tiny_llm()[1]
    tokenizer.pad_token = None
    assert Decoding().generate_options(tokenizer)["pad_token_id"] == tokenizer.eos_token_id


def test_stop_when_asks_every_time():
    answers = iter([False, True])
    criterion = StopWhen(lambda: next(answers))
    ids = torch.zeros(2, 3, dtype=torch.long)
    assert criterion(ids, ids).tolist() == [False, False]
    assert criterion(ids, ids).tolist() == [True, True]

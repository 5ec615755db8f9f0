import pytest
from tokenizers import processors
from transformers import GenerationConfig

from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError, ModelError
from fusion_demo.pretrained.tiny import build_tiny_llm
from fusion_demo.prompt import ANSWER_SLACK, TEXT_MARK, build_frame, end_ids


@pytest.fixture
def tokenizer():
    return build_tiny_llm()[1]


def test_the_bare_form_is_the_papers(tokenizer):
    frame = build_frame(tokenizer, "bare", instruction="not used", bare_prompt="Category: ")
    assert frame.before == (tokenizer.bos_token_id,)
    assert tokenizer.decode(frame.after) == "Category:"
    assert tokenizer.decode(frame.answer_ids(tokenizer, "sports")) == " sports<|end|>"


def test_the_chat_form_puts_the_text_where_the_user_speaks(tokenizer):
    frame = build_frame(tokenizer, "chat", instruction="Which topic?", bare_prompt="not used")
    assert tokenizer.decode(frame.before) == "<|user|>Which topic?\n"
    assert tokenizer.decode(frame.after) == "<|end|><|assistant|>"
    assert tokenizer.decode(frame.answer_ids(tokenizer, "sports")) == "sports<|end|>"


@pytest.mark.parametrize("form", ["bare", "chat"])
def test_a_tokeniser_that_adds_tokens_of_its_own_adds_none_here(tokenizer, form):
    """Llama's puts a begin token before all that it is given; it belongs where the prompt begins."""
    turns = [("user", [7, 8]), ("assistant", [9])]
    given = {"instruction": "Which topic?", "bare_prompt": "Label:", "history": turns}
    plain = build_frame(tokenizer, form, **given)
    answer = plain.answer_ids(tokenizer, "sports")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{tokenizer.bos_token} $A", special_tokens=[(tokenizer.bos_token, tokenizer.bos_token_id)]
    )
    assert tokenizer.encode("a")[0] == tokenizer.bos_token_id
    assert build_frame(tokenizer, form, **given) == plain
    assert plain.answer_ids(tokenizer, "sports") == answer


def test_a_tokeniser_without_a_begin_token_begins_with_the_text(tokenizer):
    tokenizer.bos_token = None
    assert build_frame(tokenizer, "bare", instruction="", bare_prompt="").before == ()


def test_without_an_instruction_the_text_stands_alone(tokenizer):
    frame = build_frame(tokenizer, "chat", instruction="", bare_prompt="")
    assert tokenizer.decode(frame.before) == "<|user|>"


def test_auto_takes_the_chat_form_where_there_is_a_template(tokenizer):
    assert build_frame(tokenizer, "auto", instruction="a", bare_prompt="b") == build_frame(
        tokenizer, "chat", instruction="a", bare_prompt="b"
    )
    tokenizer.chat_template = None
    assert build_frame(tokenizer, "auto", instruction="a", bare_prompt="b") == build_frame(
        tokenizer, "bare", instruction="a", bare_prompt="b"
    )


def test_a_missing_template_is_named(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(ConfigError, match=r"^This LLM has no chat template. Use --prompt-form bare.$"):
        build_frame(tokenizer, "chat", instruction="", bare_prompt="")


def test_a_template_that_changes_the_text_is_refused(tokenizer):
    tokenizer.chat_template = "{{ messages[0]['content'] }}{{ messages[0]['content'] }}"
    message = "^The LLM's chat template changes the user's text. Use --prompt-form bare.$"
    with pytest.raises(ModelError, match=message):
        build_frame(tokenizer, "chat", instruction="", bare_prompt="")


@pytest.mark.parametrize(
    ("form", "before"),
    [
        ("chat", "<|user|>a<|end|><|assistant|>b<|end|><|user|>Which topic?\n"),
        ("bare", "<|begin|>a\nb\n"),
    ],
)
def test_earlier_turns_stand_before_the_text(tokenizer, form, before):
    turns = [(role, tokenizer.encode(text)) for role, text in (("user", "a"), ("assistant", "b"))]
    frame = build_frame(tokenizer, form, instruction="Which topic?", bare_prompt="Label:", history=turns)
    alone = build_frame(tokenizer, form, instruction="Which topic?", bare_prompt="Label:")
    assert tokenizer.decode(frame.before) == before
    assert (frame.after, frame.answer_prefix, frame.text_end) == (
        alone.after,
        alone.answer_prefix,
        alone.text_end,
    )
    assert (frame.shared, alone.shared) == (False, True)


def test_templates_that_print_the_date_print_a_fixed_one(tokenizer):
    tokenizer.chat_template = "{{ date_string }}|{{ messages[0]['content'] }}"
    frame = build_frame(tokenizer, "chat", instruction="", bare_prompt="")
    assert tokenizer.decode(frame.before) == "26 Jul 2024|"


def test_the_mark_of_the_text_is_no_character():
    assert 0xFDD0 <= ord(TEXT_MARK) <= 0xFDEF  # Unicode's noncharacters


@pytest.mark.parametrize("form", ["chat", "bare"])
def test_an_answer_may_be_a_little_longer_than_the_longest_label(form):
    tokenizer = build_tiny_llm()[1]
    frame = build_frame(tokenizer, form, instruction="Which?", bare_prompt="Label:")
    # One token a byte, the space in the bare form, and the end token.
    longest = len("science") + (form == "bare") + 1
    decoding = frame.answer_decoding(tokenizer, ["arts", "science"])
    assert decoding == Decoding(max_new_tokens=longest + ANSWER_SLACK)


def test_an_answer_ends_as_the_chat_template_ends_a_turn(tokenizer):
    """Gemma's end token is <eos>, and its turns end in <end_of_turn>."""
    tokenizer.chat_template = tokenizer.chat_template.replace("<|end|>", "<|pad|>\n")
    frame = build_frame(tokenizer, "chat", instruction="Which topic?", bare_prompt="")
    assert tokenizer.decode(frame.answer_ids(tokenizer, "sports")) == "sports<|pad|>"
    bare = build_frame(tokenizer, "bare", instruction="", bare_prompt="Category: ")
    assert tokenizer.decode(bare.answer_ids(tokenizer, "sports")) == " sports<|end|>"
    defaults = GenerationConfig(eos_token_id=[1, 9, 50_256])
    assert end_ids(tokenizer, defaults, len(tokenizer)) == (1, 9, tokenizer.pad_token_id)


THINKING = (
    "{{ messages[0]['content'] }}<|assistant|>"
    "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
)


@pytest.mark.parametrize(
    ("arguments", "after"),
    [("", "<|assistant|><think></think>"), ('{"enable_thinking": true}', "<|assistant|>")],
)
def test_thinking_is_off_unless_it_is_asked_for(tokenizer, arguments, after):
    tokenizer.chat_template = THINKING
    frame = build_frame(tokenizer, "chat", instruction="", bare_prompt="", template_arguments=arguments)
    assert tokenizer.decode(frame.after) == after


@pytest.mark.parametrize("arguments", ["yes", "[1]", '{"tokenize": true}'])
def test_arguments_that_are_not_the_templates_are_refused(tokenizer, arguments):
    with pytest.raises(ConfigError, match="--template-arguments takes a JSON object"):
        build_frame(tokenizer, "chat", instruction="", bare_prompt="", template_arguments=arguments)

import pytest
import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_MAPPING,
    BertConfig,
    BertModel,
    M2M100Config,
    M2M100Model,
    MT5Config,
    MT5EncoderModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import ConfigError, InputError, ModelError
from fusion_demo.pretrained.tiny import ENCODER_LAYERS, ENCODER_WIDTH, build_tiny_encoder, byte_tokenizer

TEXTS = ["good day", "ශ්‍රී ලංකා", "a somewhat longer text than the others", "x"]


@pytest.fixture(scope="module")
def tiny():
    return build_tiny_encoder()


def test_shapes_and_mask(tiny):
    encoded = MultilingualEncoder(*tiny)(TEXTS)
    lengths = [len(tokens) for tokens in encoded.tokens]
    assert encoded.layer_states.shape == (4, max(lengths), ENCODER_LAYERS, ENCODER_WIDTH)
    assert encoded.mask.sum(dim=1).tolist() == lengths
    assert not encoded.layer_states.requires_grad


def test_the_layers_are_the_block_outputs_without_the_embeddings(tiny):
    model, tokenizer = tiny
    batch = tokenizer(["good day"], return_tensors="pt")
    states = model.embeddings(batch["input_ids"])
    expected = []
    for block in model.encoder.layer:
        states = block(states)
        expected.append(states[0] if isinstance(states, tuple) else states)
    encoded = MultilingualEncoder(*tiny)(["good day"])
    torch.testing.assert_close(encoded.layer_states, torch.stack(expected, dim=2))


def test_the_embedding_output_is_returned_apart_and_first_if_asked_for(tiny):
    model, tokenizer = tiny
    expected = model.embeddings(tokenizer(["good day"], return_tensors="pt")["input_ids"])
    encoded = MultilingualEncoder(*tiny)(["good day"])
    torch.testing.assert_close(encoded.embedding_states, expected)
    assert encoded.states(embeddings=False) is encoded.layer_states
    both = encoded.states(embeddings=True)
    assert torch.equal(both[:, :, 0], encoded.embedding_states)
    assert torch.equal(both[:, :, 1:], encoded.layer_states)


def test_a_batch_gives_what_each_text_gives_alone(tiny):
    encoder = MultilingualEncoder(*tiny, prefix="query: ")
    together = encoder(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = encoder([text])
        assert together.tokens[row] == alone.tokens[0]
        torch.testing.assert_close(
            together.layer_states[row][together.mask[row]], alone.layer_states[0], atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            together.embedding_states[row][together.mask[row]], alone.embedding_states[0]
        )


def test_the_prefix_is_read_but_not_returned(tiny):
    plain, prefixed = MultilingualEncoder(*tiny), MultilingualEncoder(*tiny, prefix="query: ")
    assert prefixed(TEXTS).tokens == plain(TEXTS).tokens
    assert prefixed(TEXTS).layer_states.shape == plain(TEXTS).layer_states.shape
    assert not torch.allclose(prefixed(TEXTS).layer_states, plain(TEXTS).layer_states)
    whole = plain(["query: good day"]).layer_states
    torch.testing.assert_close(prefixed(["good day"]).layer_states[:, -9:], whole[:, -9:])


def test_long_texts_are_cut_and_it_is_said(tiny):
    encoded = MultilingualEncoder(*tiny, max_tokens=8)(["word", "a text of more than eight bytes"])
    assert encoded.truncated == [False, True]
    assert [len(tokens) for tokens in encoded.tokens] == [7, 8]


def test_the_models_own_positions_bound_the_length(tiny):
    assert MultilingualEncoder(*tiny, max_tokens=100_000).max_tokens == 512


def test_an_empty_text_still_has_its_special_tokens(tiny):
    encoded = MultilingualEncoder(*tiny, prefix="query: ")(["", "a"])
    assert [token.special for token in encoded.tokens[0]].count(True) == 2


def test_typed_special_tokens_are_ordinary_text(tiny):
    tokens = MultilingualEncoder(*tiny)(["a </s> b <pad>"]).tokens[0]
    assert "".join(t.text for t in tokens if not t.special).replace("▁", " ").strip() == "a </s> b <pad>"
    assert [t.text for t in tokens if t.special] == ["<s>", "</s>"]


def test_an_empty_batch_is_refused(tiny):
    with pytest.raises(InputError, match="no text to encode"):
        MultilingualEncoder(*tiny)([])


def test_too_few_tokens_are_refused(tiny):
    with pytest.raises(ConfigError, match="'max_text_tokens' is 5, but 9 tokens go to"):
        MultilingualEncoder(*tiny, prefix="query: ", max_tokens=5)


def test_the_models_weights_are_frozen(tiny):
    assert not any(p.requires_grad for p in MultilingualEncoder(*tiny).parameters())


PAIRS = [("good day", "it rains a lot"), ("ශ්‍රී ලංකා", "x"), ("a", "a somewhat longer text than the others")]


def test_each_text_of_a_pair_is_read_alone_and_they_stand_in_order(tiny):
    encoder = MultilingualEncoder(*tiny, prefix="query: ")
    together = encoder([*PAIRS, "one text alone"])
    assert encoder.count_tokens(PAIRS) == [sum(encoder.count_tokens(list(pair))) for pair in PAIRS]
    for row, pair in enumerate([*PAIRS, ("one text alone",)]):
        alone = [encoder([text]) for text in pair]
        real = together.mask[row]
        assert real.sum() == len(together.tokens[row]) == sum(len(a.tokens[0]) for a in alone)
        expected = torch.cat([a.layer_states[0] for a in alone])
        torch.testing.assert_close(together.layer_states[row][real], expected, atol=1e-5, rtol=1e-4)
        expected = torch.cat([a.embedding_states[0] for a in alone])
        torch.testing.assert_close(together.embedding_states[row][real], expected)
        parts = [k for k, a in enumerate(alone) for _ in a.tokens[0]]
        assert together.parts[row][real].tolist() == parts
        assert [t.text for t in together.tokens[row]] == [t.text for a in alone for t in a.tokens[0]]


def test_words_of_a_pair_are_counted_through(tiny):
    tokens = MultilingualEncoder(*tiny)([("a b", "c d")]).tokens[0]
    assert sorted({t.word for t in tokens if not t.special}) == [0, 1, 2, 3]


def test_a_pair_is_truncated_if_either_text_is(tiny):
    encoded = MultilingualEncoder(*tiny, max_tokens=8)(
        [("word", "a text of more than eight bytes"), ("a", "b")]
    )
    assert encoded.truncated == [True, False]


SMALL_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 4, "num_heads": 2}
PRE_NORM = {
    "t5": lambda size: T5EncoderModel(T5Config(**SMALL_T5, vocab_size=size)),
    "mt5": lambda size: MT5EncoderModel(
        MT5Config(**SMALL_T5, vocab_size=size, feed_forward_proj="gated-gelu")
    ),
    "umt5": lambda size: UMT5EncoderModel(
        UMT5Config(**SMALL_T5, vocab_size=size, feed_forward_proj="gated-gelu")
    ),
    "m2m_100": lambda size: (
        M2M100Model(
            M2M100Config(
                vocab_size=size,
                d_model=16,
                encoder_layers=4,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                pad_token_id=1,
            )
        ).encoder
    ),
}


@pytest.mark.parametrize("family", PRE_NORM)
def test_pre_norm_encoders_get_their_final_norm_on_every_layer(tiny, family):
    torch.manual_seed(0)
    _, tokenizer = tiny
    model = PRE_NORM[family](len(tokenizer)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # so that the residual sums grow visibly
    encoded = MultilingualEncoder(model, tokenizer)(["good day"])
    batch = tokenizer(["good day"], return_tensors="pt")
    raw = model(**batch, output_hidden_states=True)
    norm = model.encoder.final_layer_norm if family != "m2m_100" else model.layer_norm
    for layer in range(3):
        state = raw.hidden_states[layer + 1]
        torch.testing.assert_close(encoded.layer_states[:, :, layer], norm(state))
    torch.testing.assert_close(encoded.embedding_states, norm(raw.hidden_states[0]))
    torch.testing.assert_close(encoded.layer_states[:, :, 3], raw.last_hidden_state)
    scale = encoded.layer_states.pow(2).mean(dim=(0, 1, 3)).sqrt()
    assert scale.max() / scale.min() < 1.5


def test_post_norm_encoders_are_left_as_they_are(tiny):
    _, tokenizer = tiny
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    batch = tokenizer(["good day"], return_tensors="pt")
    raw = model(**batch, output_hidden_states=True).hidden_states
    encoded = MultilingualEncoder(model, tokenizer)(["good day"])
    torch.testing.assert_close(encoded.layer_states, torch.stack(raw[1:], dim=2))


SHAPE = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
TWO_SIDED = {
    "d_model": 24,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
}
FAMILIES = {
    # model type: (its sizes, whether it has a final norm)
    "albert": ({**SHAPE, "embedding_size": 16}, False),
    "bart": (TWO_SIDED, False),
    "big_bird": (SHAPE, False),
    "blenderbot": (TWO_SIDED, True),
    "camembert": (SHAPE, False),
    "data2vec-text": (SHAPE, False),
    "deberta-v2": (SHAPE, False),
    "distilbert": ({"dim": 24, "n_layers": 3, "n_heads": 2, "hidden_dim": 32}, False),
    "electra": ({**SHAPE, "embedding_size": 16}, False),
    "eurobert": ({**SHAPE, "num_key_value_heads": 1}, True),
    "longformer": ({**SHAPE, "attention_window": 8}, False),
    "marian": (TWO_SIDED, False),
    "mbart": (TWO_SIDED, True),
    "megatron-bert": (SHAPE, True),
    "modernbert": (SHAPE, True),
    "mpnet": (SHAPE, False),
    "pegasus": (TWO_SIDED, True),
    "rembert": ({**SHAPE, "input_embedding_size": 16}, False),
    "roberta": (SHAPE, False),
    "roberta-prelayernorm": (SHAPE, True),
    "roformer": ({**SHAPE, "embedding_size": 24}, False),
    "xlm": ({"emb_dim": 24, "n_layers": 3, "n_heads": 2}, False),
    "xlm-roberta": (SHAPE, False),
    "xlm-roberta-xl": (SHAPE, True),
}
BEHIND_PADDING = ("camembert", "data2vec-text", "longformer", "mpnet", "roberta", "roberta-prelayernorm")
BEHIND_PADDING += ("xlm-roberta", "xlm-roberta-xl")
LAYERS = ("num_hidden_layers", "encoder_layers", "n_layers")


def build_family(family, tokenizer, layers=3, positions=64, **changes):
    shape = FAMILIES[family][0] if family in FAMILIES else SHAPE
    shape = {name: layers if name in LAYERS else size for name, size in shape.items()} | changes
    config_class = CONFIG_MAPPING[family]
    config = config_class(
        vocab_size=len(tokenizer), max_position_embeddings=positions, pad_token_id=1, **shape
    )
    torch.manual_seed(0)
    model = MODEL_MAPPING[config_class](config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(std=0.3)
    return model


def encoder_half(model):
    return model.get_encoder() if model.config.is_encoder_decoder else model


@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_is_what_an_encoder_says_that_ends_there(tiny, family):
    """The reference is the same model with fewer layers."""
    _, tokenizer = tiny
    whole = build_family(family, tokenizer)
    encoder = MultilingualEncoder(encoder_half(whole), tokenizer)
    assert (encoder.final_norm is not None) == FAMILIES[family][1]
    encoded = encoder(["good day"])
    for layers in (1, 2, 3):
        shorter = build_family(family, tokenizer, layers=layers)
        assert not shorter.load_state_dict(whole.state_dict(), strict=False).missing_keys
        with torch.no_grad():
            last = encoder_half(shorter)(**tokenizer(["good day"], return_tensors="pt")).last_hidden_state
        torch.testing.assert_close(encoded.layer_states[:, :, layers - 1], last, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bart", "bert", "deberta-v2", "modernbert", *BEHIND_PADDING])
def test_a_text_that_is_longer_than_the_positions_is_cut_to_them(tiny, family):
    _, tokenizer = tiny
    encoder = MultilingualEncoder(encoder_half(build_family(family, tokenizer, positions=34)), tokenizer)
    assert encoder.max_tokens == (32 if family in BEHIND_PADDING else 34)
    encoded = encoder(["a text of far more bytes than the encoder has positions for", "short"])
    assert encoded.truncated == [True, False]
    assert encoded.mask.sum(dim=1)[0] == encoder.max_tokens


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("fnet", {}, "changes with the texts beside it: its layers mix in the padding"),
        ("convbert", {"embedding_size": 24, "head_ratio": 1}, "mix in the padding"),
        ("mobilebert", {}, "on scales of their own, and no final norm brings them onto one"),
        ("bros", {}, "token ids alone do not do for it: You have to specify bbox"),
    ],
)
def test_an_encoder_whose_layers_cannot_be_mixed_is_refused(tiny, family, changes, reason):
    _, tokenizer = tiny
    if family == "fnet":
        changes = {"num_attention_heads": 2}
    model = build_family(family, tokenizer, **changes)
    with pytest.raises(ModelError, match=rf"^The encoder \({family}\) cannot be bridged: .*{reason}"):
        MultilingualEncoder(model, tokenizer)


@pytest.mark.parametrize("names", [("eng_Latn", "sin_Sinh"), ("en_XX", "si_LK"), ("__en__", "__si__")])
def test_an_encoder_with_a_token_for_each_language_reads_each_text_in_its_own(names):
    special = ("<s>", "<pad>", "</s>", "<unk>", *names)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(special, opened_by=names[0], closed_by="</s>"), pad_token="<pad>"
    )
    tokenizer.src_lang = names[0]  # as NLLB's, M2M100's and mBART's have it
    model = build_family("mbart", tokenizer).encoder
    texts = ["good day to you all", "ශ්‍රී ලංකාව ලස්සන රටකි"]
    encoded = MultilingualEncoder(model, tokenizer)(texts)
    for row, name in enumerate(names):
        ids = tokenizer(texts[row], return_tensors="pt")["input_ids"]
        ids[0, 0] = special.index(name)
        with torch.no_grad():
            expected = model(input_ids=ids).last_hidden_state[0]
        torch.testing.assert_close(
            encoded.layer_states[row, encoded.mask[row], -1], expected, atol=1e-5, rtol=1e-4
        )
    stated = MultilingualEncoder(model, tokenizer, language="si")(["good day to you all"])
    assert not torch.allclose(stated.layer_states[0], encoded.layer_states[0, encoded.mask[0]])
    with pytest.raises(ConfigError, match="'encoder_language' is 'fr'; the encoder has tokens for en, si"):
        MultilingualEncoder(model, tokenizer, language="fr")

import pytest
import torch

from fusion_demo.baselines import Translator, translator
from fusion_demo.baselines.translator import FLORES_CODES
from fusion_demo.errors import ConfigError
from fusion_demo.languages import LANGUAGES
from fusion_demo.pretrained import load_translator

KINDS = ("nllb", "m2m100", "marian")
TEXTS = ["ලංකාව ජය ගනී", "a day", "the dog in the sun 1902", "वर्षा"]
SOURCE_TOKEN = {"nllb": "sin_Sinh", "m2m100": "__si__"}
ENGLISH_TOKEN = {"nllb": "eng_Latn", "m2m100": "__en__"}

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(autouse=True)
def _short_translations(monkeypatch):
    monkeypatch.setattr(translator, "MAX_TARGET_TOKENS", 12)


@pytest.fixture
def make(translator_folders):
    """Loads a tiny translator, as the command line would."""

    def load(kind, beams=1):
        loaded = load_translator(str(translator_folders[kind]))
        return Translator(loaded.model, loaded.tokenizer, name=kind, beams=beams)

    return load


def pieces_of(kind, tokenizer, text):
    """What the model reads of a text, put together by hand."""
    if kind == "nllb":
        pieces = [SOURCE_TOKEN[kind], *text.replace(" ", "▁").join(("▁", ""))]
    else:
        spm = tokenizer.sp_model if kind == "m2m100" else tokenizer.spm_source
        pieces = [*([SOURCE_TOKEN[kind]] if kind in SOURCE_TOKEN else []), *spm.encode(text, out_type=str)]
    return [*(tokenizer.convert_tokens_to_ids(piece) for piece in pieces), tokenizer.eos_token_id]


@torch.no_grad()
def reference(kind, made, text):
    """Greedy translation of one text, token by token, without cache or padding."""
    model, tokenizer = made.model, made.tokenizer
    source = torch.tensor([pieces_of(kind, tokenizer, text)])
    written = [model.config.decoder_start_token_id]
    if kind in ENGLISH_TOKEN:
        written.append(tokenizer.convert_tokens_to_ids(ENGLISH_TOKEN[kind]))
    start = len(written)
    while len(written) < 13:
        logits = model(input_ids=source, decoder_input_ids=torch.tensor([written])).logits
        written.append(logits[0, -1].argmax().item())
        if written[-1] == tokenizer.eos_token_id:
            break
    answer = written[start:]
    return tokenizer.decode(answer, skip_special_tokens=True).strip()


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_translations_equal_the_slow_reference_at_any_batch_size(make, kind):
    made = make(kind)
    expected = [reference(kind, made, text) for text in TEXTS]
    assert len(set(expected)) > 1
    assert any(expected)
    for batch_size in (1, 3, 8):
        assert made.translate(TEXTS, "si", batch_size=batch_size) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_beams_give_the_same_at_any_batch_size(make, kind):
    made = make(kind, beams=3)
    alone = made.translate(TEXTS, "si", batch_size=1)
    assert made.translate(TEXTS, "si", batch_size=4) == alone
    assert alone != make(kind).translate(TEXTS, "si")


@pytest.mark.parametrize("kind", KINDS)
def test_english_comes_back_as_it_is(make, kind):
    assert make(kind).translate(["  A day.\n", ""], "en") == ["  A day.\n", ""]


@pytest.mark.parametrize("kind", ["nllb", "m2m100"])
def test_the_source_language_decides(make, kind):
    made = make(kind)
    assert made.translate(TEXTS, "hi") != made.translate(TEXTS, "si")
    assert made.translate(TEXTS, "si") == make(kind).translate(TEXTS, "si")


@pytest.mark.parametrize(("kind", "typed"), [("nllb", "eng_Latn"), ("nllb", "</s>"), ("m2m100", "__en__")])
def test_a_typed_control_token_is_text(make, monkeypatch, kind, typed):
    made = make(kind)
    read = []
    generate = made.model.generate
    monkeypatch.setattr(
        made.model, "generate", lambda **given: read.append(given["input_ids"]) or generate(**given)
    )
    made.translate([f"a {typed} day"], "si")
    ids = read[0][0].tolist()
    control = made.tokenizer.convert_tokens_to_ids(typed)
    assert control not in ids[1:-1]
    assert ids[0] == made.tokenizer.convert_tokens_to_ids(SOURCE_TOKEN[kind])


def test_no_texts_need_no_model(make):
    assert make("nllb").translate([], "si") == []


def test_long_texts_are_cut(make):
    made = make("nllb")
    assert made.translate(["a" * 700], "si") == made.translate(["a" * 5000], "si")


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_a_flores_code_in_its_own_script(code):
    language, script = FLORES_CODES[code].split("_")
    assert len(language) == 3
    assert script == LANGUAGES[code].script
    assert set(FLORES_CODES) == set(LANGUAGES)


def test_nllb_has_a_token_for_every_language(make):
    made = make("nllb")
    made.check_languages(LANGUAGES)
    assert len({made._code(code) for code in LANGUAGES}) == len(LANGUAGES)


def test_languages_that_m2m100_lacks_are_refused_by_name(make):
    made = make("m2m100")
    made.check_languages(set(LANGUAGES) - {"as", "te"})
    with pytest.raises(ConfigError, match=r"'m2m100' has no token for Telugu \('tel_Telu' or '__te__'\)"):
        made.check_languages(["si", "te"])


def test_a_marian_model_of_one_language_reads_no_other(make):
    made = make("marian-german")
    made.check_languages(["de", "en"])
    with pytest.raises(ConfigError, match=r"reads German, not Sinhala\. Leave that out of --languages"):
        made.check_languages(["si"])


def test_a_marian_model_into_another_language_is_refused(make):
    with pytest.raises(ConfigError, match=r"writes 'de', not English\. Give another --translator"):
        make("marian-into-german")

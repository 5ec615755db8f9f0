"""Check that what is cached of an embedded model is what it should be, and that the model works."""

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.cache import workplace
from fusion_demo.pretrained.conversion import conversion_fault, converted_folder
from fusion_demo.pretrained.embedded import PREFIX, EmbeddedModel
from fusion_demo.pretrained.fetch import check_sha256, source_path

ENGLISH = "The children are playing in the garden."
SINHALA = "ළමයි වත්තේ සෙල්ලම් කරති."
UNRELATED = "The bank raised its interest rate."
MARGIN = 0.05

QUESTION = "The capital of France is"
ANSWER = " Paris"


def verify_model(model: EmbeddedModel) -> None:
    """Check every hash of a model's source and of its conversion, then try the model on known ground.

    What is damaged is removed, so that the next fetch makes it anew.

    Raises:
        ModelError: something is missing or damaged, or the model does not do what it should.
    """
    source = source_path(model)
    if not source.exists():
        raise ModelError(
            f"{source.name} of {model.name} is not in the cache. Run `python -m train_cli models fetch`."
        )
    check_sha256(source, model)
    fault = conversion_fault(model, check_hashes=True)
    if fault is not None:
        folder = converted_folder(model)
        if folder.exists():
            with workplace() as partial:
                folder.replace(partial / folder.name)
        raise ModelError(f"{fault} Run `python -m train_cli models fetch` to convert it anew.")
    fault = (encoder_fault if model.role == "encoder" else llm_fault)(PREFIX + model.name)
    if fault is not None:
        raise ModelError(
            f"{fault} Remove {converted_folder(model)} and run `python -m train_cli models fetch`."
        )


def encoder_fault(reference: str) -> str | None:
    """Say if an encoder puts a sentence no nearer to its translation than to another sentence.

    Compared are mean-pooled vectors of the last layer, by their cosine.
    """
    import torch

    from fusion_demo.pretrained.load import load_encoder

    loaded = load_encoder(reference)
    batch = loaded.tokenizer([ENGLISH, SINHALA, UNRELATED], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = loaded.model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    english, sinhala, unrelated = (states * mask).sum(dim=1) / mask.sum(dim=1)
    translation = torch.cosine_similarity(english, sinhala, dim=0).item()
    other = torch.cosine_similarity(english, unrelated, dim=0).item()
    if translation > other + MARGIN:
        return None
    return (
        f"{reference} finds a Sinhala translation (cosine {translation:.2f}) no closer "
        f"than an unrelated sentence ({other:.2f})."
    )


def llm_fault(reference: str) -> str | None:
    """Say if an LLM's likeliest next token is not the one that ends a well-known sentence."""
    import torch

    from fusion_demo.pretrained.load import load_llm

    loaded = load_llm(reference)
    batch = loaded.tokenizer(QUESTION, return_tensors="pt")
    with torch.no_grad():
        logits = loaded.model(**batch).logits
    answer = loaded.tokenizer.decode(logits[0, -1].argmax())
    return None if answer == ANSWER else f"{reference} goes on '{QUESTION}' with {answer!r}, not {ANSWER!r}."

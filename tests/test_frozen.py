import threading

from fusion_demo import frozen
from fusion_demo.config import BridgeConfig
from fusion_demo.frozen import FrozenModels

TINY = BridgeConfig(encoder="tiny:encoder", llm="tiny:llm", fusion_heads=2)


def test_each_model_is_loaded_once_even_by_many_threads(monkeypatch):
    loaded = []
    for name in ("load_encoder", "load_llm"):
        original = getattr(frozen, name)

        def load(reference, _original=original, **options):
            loaded.append(reference)
            return _original(reference, **options)

        monkeypatch.setattr(frozen, name, load)
    models = FrozenModels()
    threads = [threading.Thread(target=models.build, args=(TINY,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    models.fingerprints(TINY)
    assert sorted(loaded) == ["tiny:encoder", "tiny:llm"]


def test_bridges_are_apart_in_what_is_trained():
    models = FrozenModels()
    first, second = models.build(TINY), models.build(TINY)
    assert first.projection is not second.projection
    assert first.llm is second.llm
    assert not first.training

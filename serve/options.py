"""How the replicas run."""

from dataclasses import dataclass

from fusion_demo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ReplicaOptions:
    """How many replicas there are, and what each of them loads.

    Attributes:
        checkpoints: Folder with one checkpoint a subfolder, on every machine.
        device: As a session's. On CUDA each replica has a GPU of its own, which is its "cuda:0".
        default_checkpoint: Name of the checkpoint to start with; empty for the best on the dev sets.
        preset: As a session's.
        translator: As a session's.
        compiled: As a session's.
        max_characters: Longest text that is read.
        replicas: How many there are when nobody asks.
        max_replicas: How many there may be when many ask; 0: as many as `replicas`.
        threads: Of each replica's models.

    Raises:
        ConfigError: a number is out of its range.
    """

    checkpoints: str
    device: str = "cpu"
    default_checkpoint: str = ""
    preset: str = ""
    translator: str = ""
    compiled: bool = True
    max_characters: int
    replicas: int = 2
    max_replicas: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name, low in (("replicas", 1), ("threads", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"--{name} must be at least {low}, not {getattr(self, name)}.")
        if self.max_replicas and self.max_replicas < self.replicas:
            raise ConfigError(
                f"--max-replicas must be at least --replicas, which is {self.replicas}, not "
                f"{self.max_replicas}."
            )

    @property
    def most(self) -> int:
        """The most replicas that there may be."""
        return self.max_replicas or self.replicas

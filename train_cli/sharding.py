"""Frozen models too large for one GPU: each process holds a share of them."""

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from fusion_demo.bridge import FusionBridge
from fusion_demo.errors import ConfigError

OTHER_SHARDING = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def check_sharding(accelerator: Accelerator, *, shard_frozen: bool) -> None:
    """Refuse what cannot be sharded, before any model is loaded.

    Args:
        accelerator: Knows the processes.
        shard_frozen: Whether the frozen models are to be shared out.

    Raises:
        ConfigError: the launcher is to shard the models itself, or there is one process only.
    """
    if accelerator.distributed_type in OTHER_SHARDING:
        raise ConfigError(
            f"accelerate is set to {accelerator.distributed_type.value}, which would shard the trained part. "
            "That is small: start with `accelerate launch --multi_gpu`, and give --shard-frozen to share the "
            "frozen models out."
        )
    if shard_frozen and accelerator.num_processes == 1:
        raise ConfigError(
            "--shard-frozen shares the frozen models among processes, and this is the only one. Start more: "
            "accelerate launch --multi_gpu -m train_cli train …, or leave it out."
        )


def shard_frozen(bridge: FusionBridge, accelerator: Accelerator) -> None:
    """Let each of N processes hold 1/N of the blocks of both frozen models.

    Embeddings and output layers stay whole, and what is trained. A block's weights are gathered before its
    forward and its backward pass. From now on all processes have to make the same passes of these models.

    Args:
        bridge: On the accelerator's device; its frozen models are changed in place.
        accelerator: Knows the N processes.

    Raises:
        ConfigError: a model's blocks cannot be found.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for model in (bridge.encoder.model, bridge.llm.model):
        for block in blocks(model):
            # Said, since a block that stands alone would stay whole until a backward pass or a saving, which
            # is the first process's alone: the others would then wait for passes that it does not make.
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
    # What is frozen is the same in all processes already, and DDP cannot compare shares.
    frozen = [name for name, parameter in bridge.named_parameters() if not parameter.requires_grad]
    frozen += [name for name, _ in bridge.named_buffers()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(bridge, frozen)


def is_sharded(module: nn.Module) -> bool:
    """Whether a process holds only a share of some parameter."""
    return any(isinstance(p, DTensor) for p in module.parameters())


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return the Transformer blocks of a model of transformers.

    Raises:
        ConfigError: it has no list of as many modules as its config has layers.
    """
    number = model.config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == number:
            return list(module)
    raise ConfigError(f"The {number} blocks of {type(model).__name__} cannot be found to be sharded.")

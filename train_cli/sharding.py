"""Frozen models too large for one GPU: each process holds a share of them."""

from typing import Any

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from fusion_demo.bridge import FusionBridge
from fusion_demo.errors import ConfigError
from train_cli.zero import check_process_group, is_shared_by_zero, share_by_zero

OTHER_SHARDING = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def check_sharding(accelerator: Accelerator, *, shard_frozen: bool, deepspeed: bool = False) -> None:
    """Refuse what cannot be sharded, before any model is loaded.

    Args:
        accelerator: Knows the processes.
        shard_frozen: Whether PyTorch is to share the frozen models out.
        deepspeed: Whether DeepSpeed is to do it.

    Raises:
        ConfigError: the launcher is to shard the models itself, or both ways are asked for; there is one
            process only, or, for DeepSpeed, no launcher.
    """
    if accelerator.distributed_type in OTHER_SHARDING:
        raise ConfigError(
            f"accelerate is set to {accelerator.distributed_type.value}, which would shard the trained part. "
            "That is small: start with `accelerate launch --multi_gpu`, and give --shard-frozen, or "
            "--deepspeed FILE, to share the frozen models out."
        )
    if deepspeed and shard_frozen:
        raise ConfigError("--shard-frozen and --deepspeed are two ways to do the same. Give one of them.")
    if deepspeed:
        check_process_group()
    if shard_frozen and accelerator.num_processes == 1:
        raise ConfigError(
            "--shard-frozen shares the frozen models among processes, and this is the only one. Start more: "
            "accelerate launch --multi_gpu -m train_cli train …, or leave it out."
        )


def shard_frozen(
    bridge: FusionBridge, accelerator: Accelerator, zero_options: dict[str, Any] | None = None
) -> None:
    """Let each of N processes hold 1/N of both frozen models.

    What is trained stays whole in every process. From now on all processes have to make the same passes of
    these models.

    Args:
        bridge: On the accelerator's device; its frozen models are changed in place.
        accelerator: Knows the N processes.
        zero_options: DeepSpeed's, to share every parameter; None: PyTorch shares the blocks.

    Raises:
        ConfigError: a model's blocks cannot be found.
    """
    for model in (bridge.encoder.model, bridge.llm.model):
        if zero_options is None:
            _shard_blocks(model, accelerator)
        else:
            share_by_zero(model, zero_options, accelerator.device)
    # What is frozen is the same in all processes already, and DDP cannot compare shares.
    frozen = [name for name, parameter in bridge.named_parameters() if not parameter.requires_grad]
    frozen += [name for name, _ in bridge.named_buffers()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(bridge, frozen)


def _shard_blocks(model: nn.Module, accelerator: Accelerator) -> None:
    """Share a model's blocks; a block's weights are gathered before its forward and its backward pass.

    Embeddings and output layer stay whole.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for block in blocks(model):
        # Said, since a block that stands alone would stay whole until a backward pass or a saving, which
        # is the first process's alone: the others would then wait for passes that it does not make.
        fully_shard(block, mesh=mesh, reshard_after_forward=True)


def is_sharded(module: nn.Module) -> bool:
    """Whether a process holds only a share of some parameter."""
    return any(isinstance(p, DTensor) or is_shared_by_zero(p) for p in module.parameters())


def whole_size(parameter: nn.Parameter) -> int:
    """Return how many numbers a parameter has, in all processes together."""
    return parameter.ds_numel if is_shared_by_zero(parameter) else parameter.numel()


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

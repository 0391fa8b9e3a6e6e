"""AdamW with clipping and masks, as fast as PyTorch takes a step on one core: fused, and without a pass of its own over
the gradients to clip them.
"""
import torch


def version():
    return tuple(int(part) for part in torch.__version__.split(".")[:2])


class MaskedAdamW:
    """Masks the gradients, clips them to a norm, takes AdamW's step and masks the weights."""

    def __init__(self, weights, masked, masks, betas=(0.9, 0.95), epsilon=1e-8, decay=0.1, norm=1.0):
        """`masks` belong to `masked`, some of the `weights`. The rate is 0.001, unless another one is set."""
        self.weights, self.masked, self.masks = list(weights), list(masked), list(masks)
        self.norm = norm
        self.fused = version() >= (2, 4)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [weight for weight in self.weights if weight.dim() == 2], "weight_decay": decay},
                {"params": [weight for weight in self.weights if weight.dim() == 1], "weight_decay": 0.0},
            ],
            lr=1e-3,
            betas=betas,
            eps=epsilon,
            **({"fused": True} if self.fused else {"foreach": True}),
        )
        self.hide(self.masked)

    @torch.no_grad()
    def hide(self, tensors):
        if tensors:
            torch._foreach_mul_(tensors, self.masks)

    def set_rate(self, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self):
        """Uses up the gradients that a backward pass has left."""
        with torch.no_grad():
            self.hide([weight.grad for weight in self.masked])
            gradients = [weight.grad for weight in self.weights]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            if self.fused:
                # Divides the gradients inside the fused kernel: one pass less than clip_grad_norm_.
                self.optimizer.grad_scale = (norm / self.norm).clamp(min=1.0)
            elif norm > self.norm:
                torch._foreach_mul_(gradients, self.norm / norm.item())
        self.optimizer.step()
        self.hide(self.masked)
        self.optimizer.zero_grad(set_to_none=True)

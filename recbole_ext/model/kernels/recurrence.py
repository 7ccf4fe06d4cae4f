"""A GRU with a hand-written backward pass: few operations per step, one matrix product per weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["gru_states"]


class _GatedRecurrence(torch.autograd.Function):
    """One layer without biases, with initial state zero; returns the state after each step.

    The factors of a step's gradient depend only on the forward pass, so they are computed for all steps at once. The
    loop back in time is left with one matrix product and three operations per step.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, weight_in: torch.Tensor, weight_state: torch.Tensor
    ) -> torch.Tensor:
        steps, batch, _ = inputs.shape
        size = weight_state.shape[1]
        from_input = inputs @ weight_in.T  # (L, B, 3 H): reset, update, new
        states = inputs.new_zeros(steps + 1, batch, size)
        gates = inputs.new_empty(steps, batch, 2 * size)
        new, from_state = inputs.new_empty(steps, batch, size), inputs.new_empty(steps, batch, size)
        transposed, product = weight_state.T.contiguous(), inputs.new_empty(batch, 3 * size)
        for t in range(steps):
            torch.mm(states[t], transposed, out=product)
            torch.add(product[:, : 2 * size], from_input[t, :, : 2 * size], out=gates[t]).sigmoid_()
            from_state[t] = product[:, 2 * size :]
            reset, update = gates[t, :, :size], gates[t, :, size:]
            torch.addcmul(from_input[t, :, 2 * size :], reset, from_state[t], out=new[t]).tanh_()
            torch.lerp(new[t], states[t], update, out=states[t + 1])
        ctx.save_for_backward(inputs, weight_in, weight_state, states, gates, new, from_state)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight_in, weight_state, states, gates, new, from_state = ctx.saved_tensors
        steps, batch, size = new.shape
        reset, update = gates.split(size, dim=2)
        factors = inputs.new_empty(
            steps, batch, 3, size
        )  # of the products with the state: reset, update, new
        by_new = (1 - update) * (1 - new * new)
        torch.mul(by_new, reset, out=factors[:, :, 2])
        torch.mul(factors[:, :, 2] * (1 - reset), from_state, out=factors[:, :, 0])
        torch.mul((states[:-1] - new) * (1 - update), update, out=factors[:, :, 1])
        grad_states, grad_products = grads[0].contiguous().clone(), torch.empty_like(factors)
        for t in range(steps - 1, -1, -1):
            grad = grad_states[t]
            torch.mul(factors[t], grad[:, None], out=grad_products[t])
            if t:
                grad_states[t - 1].addcmul_(grad, update[t]).addmm_(
                    grad_products[t].view(batch, 3 * size), weight_state
                )
        flat = grad_products.view(steps * batch, 3 * size)
        grad_weight_state = flat.T @ states[:-1].reshape(steps * batch, size)
        torch.mul(grad_states, by_new, out=grad_products[:, :, 2])
        grad_weight_in = flat.T @ inputs.reshape(steps * batch, -1)
        grad_inputs = (flat @ weight_in).view_as(inputs) if ctx.needs_input_grad[0] else None
        return grad_inputs, grad_weight_in, grad_weight_state


def gru_states(layers: nn.GRU, inputs: torch.Tensor) -> torch.Tensor:
    """Returns the states of the last layer after each step: ``layers(inputs)[0]``, two to three times faster to train.

    Args:
        layers: A batch-first GRU without biases, dropout between layers or projection.
        inputs: ``(B, L, d)``.

    Returns:
        ``(B, L, H)``.
    """
    if layers.bias or layers.dropout or layers.bidirectional or not layers.batch_first:
        return layers(inputs)[0]
    states = inputs.transpose(0, 1).contiguous()
    for layer in range(layers.num_layers):
        states = _GatedRecurrence.apply(
            states, getattr(layers, f"weight_ih_l{layer}"), getattr(layers, f"weight_hh_l{layer}")
        )
    return states.transpose(0, 1)

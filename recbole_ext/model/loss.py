"""Stand-in."""
import torch
def full_softmax(output, item_embedding, targets, **k):
    return torch.nn.functional.cross_entropy(output @ item_embedding.T, targets)

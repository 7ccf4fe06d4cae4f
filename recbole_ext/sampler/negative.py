"""Stand-in."""
import numpy as np
class NegativeSampler:
    def __init__(self, indptr, indices, n_items, *, alpha=0.0, counts=None, seed=0):
        self.rng=np.random.default_rng(seed); self.n=n_items
    def sample(self, users, num): return self.rng.integers(1,self.n,(len(users),num))
    def state(self): return self.rng.bit_generator.state
    def set_state(self,s): self.rng.bit_generator.state=s

"""NCL without faiss."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.vq import kmeans2

from recbole_ext._compat.host import general_recommender as host

__all__ = ["NCL"]


class NCL(host.NCL):
    """RecBole's NCL (Lin et al. 2022), with k-means from scipy, because RecBole imports faiss without declaring it."""

    def run_kmeans(self, x: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds unit centroids ``(k, d)`` and the cluster ``(n,) int64`` of each row of ``(n, d)``; k is at most n."""
        centroids, cluster = kmeans2(
            x.astype(np.float64), min(self.k, len(x)), minit="++", seed=int(torch.randint(2**31, (1,)))
        )
        unit = torch.nn.functional.normalize(torch.from_numpy(centroids).float(), dim=1)
        return unit.to(self.device), torch.from_numpy(cluster.astype(np.int64)).to(self.device)

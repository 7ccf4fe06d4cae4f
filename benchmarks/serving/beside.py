"""The same door with implicit behind it: its ``recommend`` is called for each request, as its documentation does.

python -m benchmarks.serving.beside RUN PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import uvicorn
from fastapi import FastAPI
from implicit.nearest_neighbours import CosineRecommender
from pydantic_core import to_json
from starlette.responses import Response

from recbole_ext.recommend.titles import ItemNames
from recbole_ext.runs.run import read_run
from recbole_ext.serve.forms import RecommendRequest

__all__ = ["main"]


def main() -> None:
    """Serves ItemKNN of implicit, trained on the data of a run."""
    split = read_run(Path(sys.argv[1])).split()
    data = split.interactions
    rows = split.rows(0)
    shape = (data.n_users, data.n_items)
    matrix = sp.csr_matrix((np.ones(len(rows)), (data.users[rows], data.items[rows])), shape=shape)
    model = CosineRecommender(K=100, num_threads=1)
    model.fit(matrix, show_progress=False)
    names = ItemNames(data.item_tokens, None)
    app = FastAPI()

    @app.get("/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/v1/recommend")
    async def recommend(asked: RecommendRequest) -> Response:
        items = names.items(asked.history or [])
        row = sp.csr_matrix(
            (np.ones(len(items)), (np.zeros(len(items), int), items)), shape=(1, data.n_items)
        )
        found, scores = model.recommend(0, row, N=asked.k, recalculate_user=True)
        pairs = zip(found.tolist(), scores.tolist(), strict=True)
        listed = [{"item": str(names.tokens[item]), "score": score} for item, score in pairs]
        return Response(to_json({"items": listed}), media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()

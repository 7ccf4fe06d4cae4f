"""What each accelerator of training gains, one switched at a time: ``python -m benchmarks.switches``.

Every variant runs in a process of its own on the same batches of ml-100k, windows of 50. Rounds go over all variants,
so that other work on the machine meets all of them; a variant's figure is the median of its rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.clock import now
from recbole_ext.data.movielens import prepare

__all__ = ["VARIANTS", "main", "step_of", "trainer_of"]

VARIANTS = (
    "as shipped",
    "soft-max in float32",
    "whole model in bfloat16 (autocast)",
    "PyTorch's recurrence",
    "RecBole's attention and GELU, ranking from all positions",
    "PyTorch's dropout",
    "Adam not fused",
    "torch.compile",
    "two threads",
)
_ONLY_FOR = {"PyTorch's recurrence": "GRU4Rec", VARIANTS[4]: "SASRec"}
_WARM_UP, _RANKINGS = 4, 4


def trainer_of(job: dict[str, Any]) -> tuple[Any, Any]:
    """Trainer and loader of the variant, on the data set that RecBole brings along."""
    from recbole_ext.config.build import build_config
    from recbole_ext.data.build import prepare_data
    from recbole_ext.model.registry import resolve_model
    from recbole_ext.trainer import build

    variant = job["variant"]
    if variant == VARIANTS[4]:
        _as_recbole()
    spec, model_class = resolve_model(job["model"])
    values = {"data_path": job["data_path"], "show_progress": False, "use_gpu": False}
    if variant == "soft-max in float32":
        values["softmax_precision"] = "float32"
    if variant == "PyTorch's dropout":
        build.quicken_dropout = lambda model: None
    config = build_config(model_class, "ml-100k", [], values)
    data = prepare_data(config)
    trainer, loader = build.build_trainer(config, spec, model_class, data, Path(job["data_path"]))
    if variant == "Adam not fused":
        for group in trainer.optimizer.param_groups:
            group["fused"] = False
    return trainer, loader


def _as_recbole() -> None:
    """SASRec with RecBole's layers, and with all of them at every position where users are ranked."""
    import torch

    from recbole_ext.model.sequential_recommender import sasrec
    from recbole_ext.trainer import build

    def states(encoder: Any, inputs: Any) -> Any:
        width = inputs.shape[1]
        return encoder(inputs, torch.full((width, width), -10000.0).triu(1)[None, None])[-1]

    def last(encoder: Any, inputs: Any, place: Any) -> Any:
        return states(encoder, inputs)[torch.arange(len(inputs)), place]

    build.quicken_attention = sasrec.quicken_attention = lambda model: None
    sasrec.causal_states, sasrec.last_states = states, last
    sasrec.in_pieces = lambda function, *rows: function(*rows)


def step_of(job: dict[str, Any], trainer: Any) -> Callable[[Any], None]:
    """What trains the variant on one batch."""
    import torch

    from recbole_ext.model.sequential_recommender import gru4rec

    if job["variant"] == "PyTorch's recurrence":
        gru4rec.gru_states = lambda layers, inputs: layers(inputs)[0]
    model = trainer.model.train()
    if job["variant"] == "torch.compile":
        model.encode = torch.compile(model.encode)
    half = job["variant"].startswith("whole model in bfloat16")

    def step(batch: Any) -> None:
        trainer.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
            loss = model.calculate_loss(batch)
        loss.backward()
        trainer.optimizer.step()

    return step


def _measured(job: dict[str, Any]) -> dict[str, float]:
    """Seconds of an epoch, extrapolated from the first batches, of the first step, and of ranking the test users."""
    import torch

    from recbole_ext.data.build import prepare_data

    threads = torch.get_num_threads()

    def taken(work: Callable[[], Any]) -> float:
        began = now(threads)
        work()
        return now(threads) - began

    trainer, loader = trainer_of(job)
    step, batches = step_of(job, trainer), iter(loader)
    times = [taken(lambda: step(next(batches))) for _ in range(job["batches"] + _WARM_UP)]
    test = prepare_data(trainer.config).test
    ranked = [taken(lambda: trainer.rank(test, ["NDCG", "Hit"])) for _ in range(_RANKINGS)]
    epoch = statistics.median(times[_WARM_UP:]) * len(loader)
    return {"epoch": epoch, "first": times[0], "ranking": statistics.median(ranked[1:])}


def _run(job: dict[str, Any]) -> dict[str, Any]:
    threads = 2 if job["variant"] == "two threads" else 1
    command = [sys.executable, "-m", "benchmarks.switches", "--job", json.dumps(job)]
    # A compiler that was stopped leaves half a file in its cache.
    cache = str(Path(job["data_path"]) / "inductor")
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": cache}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=job["limit"]
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {job['limit']:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:120]}
    return json.loads(done.stdout.splitlines()[-1])


def _table(model: str, found: dict[str, list[dict[str, Any]]]) -> str:
    lines = [f"| {model} | s an epoch | as shipped = 1 | first step s | ranking s |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    shipped = statistics.median(one.get("epoch", float("nan")) for one in found["as shipped"])
    for variant, rounds in found.items():
        failed = next((one["failed"] for one in rounds if "failed" in one), None)
        if failed:
            lines.append(f"| {variant} | failed: {failed} | | | |")
            continue
        epoch, first, ranking = (
            statistics.median(one[key] for one in rounds) for key in ("epoch", "first", "ranking")
        )
        lines.append(f"| {variant} | {epoch:.2f} | {epoch / shipped:.2f} | {first:.1f} | {ranking:.2f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switches", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["GRU4Rec", "SASRec"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--batches", type=int, default=16, help="measured, after four to warm up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=180, help="seconds for a variant")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        print(json.dumps(_measured(json.loads(options.job))))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare("ml-100k", out=Path(folder), download=False)
        for model in options.models:
            asked = [v for v in VARIANTS if v in ("as shipped", *options.variants)]
            variants = [v for v in asked if _ONLY_FOR.get(v, model) == model]
            found: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
            for _ in range(options.rounds):
                for variant in variants:
                    if any("failed" in one for one in found[variant]):
                        continue
                    job = {
                        "model": model,
                        "variant": variant,
                        "batches": options.batches,
                        "limit": options.limit,
                    }
                    found[variant].append(_run({**job, "data_path": str(Path(folder))}))
            print(_table(model, found) + "\n", flush=True)


if __name__ == "__main__":
    main()

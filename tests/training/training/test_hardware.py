"""What trains: which process writes, and what becomes of what is asked for."""

from __future__ import annotations

import pytest
import torch

from l4s_training.training.hardware import Hardware, is_first_process, place


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "3"}, True),
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "2"}, False),
    ],
)
def test_one_of_all_processes_is_the_first(environment, first, monkeypatch):
    for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first_process() == first


@pytest.mark.parametrize(
    ("gpu", "hardware", "precision", "expected"),
    [
        (False, Hardware(), "32", (False, 0, "32")),
        (False, Hardware(workers=3), "bf16", (False, 3, "bf16")),
        (True, Hardware(), "fp16", (True, 4, "fp16")),
        (True, Hardware("cpu"), "32", (False, 0, "32")),
        (True, Hardware("gpu", workers=0), "auto", (True, 0, "bf16")),
    ],
)
def test_a_gpu_is_taken_where_there_is_one_unless_told_otherwise(gpu, hardware, precision, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    placement = place(hardware, precision)
    assert (placement.on_gpu, placement.workers, placement.precision) == expected


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_trains_in_bfloat16_where_it_has_it_and_does_not_emulate_it(native, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert place(Hardware(), "auto").precision == ("bf16" if native else "32")


@pytest.mark.parametrize("native", [True, False])
def test_the_processor_trains_in_bfloat16_where_it_multiplies_that_natively(native, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: native, raising=False)
    assert place(Hardware("cpu"), "auto").precision == ("bf16" if native else "32")

"""Faults that tests must catch can still be made; `scripts/mutate.py` makes them."""

import pytest

from scripts.mutate import Mutant, main, read_mutants

MUTANTS = read_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fault_can_be_made_at_one_place(mutant: Mutant) -> None:
    assert mutant.problem() == ""
    assert mutant.fault != mutant.text


def test_an_unknown_fault_is_refused() -> None:
    assert main(["no-such-fault"]) == 2

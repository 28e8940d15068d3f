"""The k-means benchmark at tiny sizes: what is measured, in turns, and that other results are refused."""

import kmeans
import pytest
import torch

from speechbrain_cadino.utils.errors import UserError

TINY = "--threads 1 --repeats 3 --items 400 --dim 6 --clusters 9 --iterations 2".split()


@pytest.fixture
def fits(monkeypatch):
    """The variants in the order of their fits."""
    order = []
    for name in ("fit_package", "fit_sklearn"):

        def noted(embeddings, init, options, name=name, fit=getattr(kmeans, name)):
            order.append(name)
            return fit(embeddings, init, options)

        monkeypatch.setattr(kmeans, name, noted)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    return order


def test_variants_take_turns_and_agree(fits, threads_for_processes, capsys):
    reference, package = kmeans.main(TINY)
    assert fits == ["fit_sklearn", "fit_package"] * 3
    assert (reference["variant"], package["variant"]) == ("scikit-learn", "package")
    assert package["inertia"] == pytest.approx(reference["inertia"], rel=1e-4) and package["inertia"] > 0
    assert reference["ratio"] == 1 and package["ratio"] == reference["s/iteration"] / package["s/iteration"]
    assert package["GFLOP/s"] * package["s/iteration"] == pytest.approx(2e-9 * 400 * 6 * 9)
    printed = capsys.readouterr().out
    assert "400 x 6, 9 clusters, 2 iterations" in printed and "1 threads, 3 fits each" in printed


def test_full_size_is_the_package_alone(fits, threads_for_processes, monkeypatch):
    monkeypatch.setattr(kmeans, "FULL", {"items": 300, "clusters": 7})
    (row,) = kmeans.main([*TINY, "--full"])
    assert fits == ["fit_package"] * 3 and row["GFLOP/s"] * row["s/iteration"] == pytest.approx(2e-9 * 300 * 6 * 7)


def test_other_inertias_are_refused(fits, threads_for_processes, monkeypatch):
    monkeypatch.setattr(kmeans, "fit_package", lambda embeddings, init, options: 1.0)
    with pytest.raises(UserError, match="inertias differ"):
        kmeans.main(TINY)


@pytest.mark.parametrize("option", ["--threads 0", "--repeats 0", "--clusters 0", "--clusters 200000"])
def test_options_that_make_no_sense(option):
    with pytest.raises(UserError, match=f"{option.split()[0]} is"):
        kmeans.parse(option.split())

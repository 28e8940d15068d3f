"""A small corpus of 16-bit files of many lengths, and cheap stand-ins for noise and room impulse responses."""

from tests.corpus.conftest import damaged, manifest, write_corpus  # noqa: F401, for the tests here


def equal_batches(first, second):
    """Whether two lists of `ViewBatch` hold the same bits."""

    def flat(batch):
        yield batch.items
        for group in batch.groups:
            yield group.waves
            for name in sorted(group.parameters):
                yield from group.parameters[name]

    names = [[[sorted(group.parameters) for group in batch.groups] for batch in batches] for batches in (first, second)]
    return names[0] == names[1] and all(
        a.shape == b.shape and (a == b).all() for one, two in zip(first, second) for a, b in zip(flat(one), flat(two))
    )

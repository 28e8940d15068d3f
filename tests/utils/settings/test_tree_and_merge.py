"""YAML on a base: what is merged, in which order, with which comments; and each reader reads the same from it."""

import io

import pytest
import yaml
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.merge import merge, read_file
from speechbrain_cadino.utils.settings.scalars import read_scalar, write_scalar
from speechbrain_cadino.utils.settings.tree import read_tree, write_tree

BASE = """\
# Head of the base

# --- One
seed: 1                           # A
layer: !new:torch.nn.Linear       # of the base
    in_features: 2                # A
    out_features: !ref <seed> + 2  # B

# --- Two
options: {a: [1, 2], b: 3}
last: null                        # C
"""


@pytest.fixture
def read(tmp_path):
    """Give a function from files (name to text) and a name to the text of its merged tree."""

    def read(name="top.yaml", **files):
        for file, text in files.items():
            (tmp_path / f"{file}.yaml").write_text(text)
        return write_tree(read_file(tmp_path / name))

    return read


def test_a_file_is_written_as_it_was():
    assert write_tree(read_tree(BASE)) == BASE


def test_only_what_is_said_changes(read):
    text = read(base=BASE, top="# Mine\n\nbase: base.yaml\nlayer:\n    in_features: 5  # why\noptions: {b: 4}\n")
    wanted = BASE.replace("# Head of the base", "# Mine").replace("2                # A", "5                # why")
    assert text == wanted.replace("b: 3", "b: 4")


def test_a_value_without_its_comment_has_no_source(read):
    assert "seed: 2\n" in read(base=BASE, top="base: base.yaml\nseed: 2\n")


def test_another_class_replaces_and_drop_takes_away(read):
    top = "base: base.yaml\nlayer: !new:torch.nn.Identity\nlast: !drop\n"
    tree = read_tree(read(base=BASE, top=top))
    assert list(tree.items) == ["seed", "layer", "options"]
    assert (tree.items["layer"].tag, tree.items["layer"].items) == ("!new:torch.nn.Identity", {})


def test_new_settings_come_before_the_next_known_one(read):
    top = "base: base.yaml\n# --- Two\nnew: 1\noptions: {b: 4}\nother: 2\n"
    text = read(base=BASE, top=top)
    assert list(read_tree(text).items) == ["seed", "layer", "new", "options", "last", "other"]
    assert text.count("# --- Two") == 1


def test_of_several_bases_the_later_counts_more_and_a_base_may_have_one(read):
    files = dict(
        base=BASE, one="base: base.yaml\nseed: 2\n", two="seed: 3\nlast: 1\n", top="base: [one.yaml, two.yaml]\n"
    )
    tree = read_tree(read(**files))
    assert (tree.items["seed"].plain(), tree.items["last"].plain()) == (3, 1)


def test_a_file_elsewhere_may_be_on_a_base(read, tmp_path):
    (tmp_path / "of users").mkdir()
    (tmp_path / "of users/mine.yaml").write_text("base: ../base.yaml\nseed: 9\n")
    assert "seed: 9" in read("of users/mine.yaml", base=BASE)


@pytest.mark.parametrize(
    "files, words",
    [
        (dict(top="base: top.yaml\n"), "top.yaml is its own base"),
        (dict(top="base: a.yaml\n", a="base: top.yaml\n"), "is its own base (by way of"),
        (dict(top="base: none.yaml\n"), "none.yaml, the base of"),
        (dict(top="base: {a: 1}\n"), "give a path"),
        (dict(top="base: 3\n"), "give a path"),
        (dict(top="base: base.yaml\na: 1\na: 2\n", base=BASE), "line 3 says a again"),
        (dict(top="base: base.yaml\na: [1\n", base=BASE), "are not YAML"),
        (dict(top="base: a.yaml\n", a="- 1\n"), "a.yaml are no mapping"),
        (dict(top="a: 1\n---\nb: 2\n"), "several documents"),
    ],
)
def test_what_is_no_base(read, files, words):
    with pytest.raises(UserError) as caught:
        read(**files)
    assert words in str(caught.value) and "\n" not in str(caught.value)


FORMS = """\
flags: [yes, No, ON, off, true, False]
numbers: [1e3, 1.5e-3, 1_000, -2, .5, 0x1f, .inf]
nothing: [null, ~]
texts: ['no', "1e3", a b, 'it''s', "tab\\there", 'a #1', 'x: y', '[a]', '2024', '2024-01-01', '1:30', '', "ä"]
pair: (1, 2)
block:
- a
-   b: 1
    c: {d: 2}
folded: >
    two
    lines
anchored: &here {a: 1}
alias: *here
"""


def test_every_form_of_a_value_reads_the_same_everywhere():
    tree = read_tree(FORMS)
    for again in (tree, read_tree(write_tree(tree))):
        values = {name: node.plain() for name, node in again.items.items()}
        assert values["flags"] == [True, False] * 3 and values["nothing"] == [None, None]
        assert values["numbers"] == [1000, 0.0015, 1000, -2, 0.5, 31, float("inf")]
        assert values["folded"] == "two lines\n" and values["pair"] == (1, 2)
    read = load_hyperpyyaml(io.StringIO(write_tree(tree)))
    assert {name: read[name] for name in ("flags", "numbers", "nothing", "folded", "pair")} == {
        name: values[name] for name in ("flags", "numbers", "nothing", "folded", "pair")
    }
    assert read["texts"] == values["texts"] and all(isinstance(text, str) for text in read["texts"])
    assert read["block"] == ["a", {"b": 1, "c": {"d": 2}}] and read["alias"] == {"a": 1}


@pytest.mark.parametrize(
    "text",
    ["no", "1e3", "a #1", "x: y", "- a", "(a)", "---", "a\nb", "&a", "*", "!x", "%", "@", " b ", "?", "a,b", "<<"],
)
def test_text_stays_text(text):
    for in_flow in (False, True):
        line = write_scalar(text, in_flow, quoted=True)
        assert yaml.safe_load(f"[{line}]" if in_flow else f"a: {line}") in ([text], {"a": text})


def test_merging_the_same_call_keeps_its_arguments():
    tree = read_tree("a: !new:x.Y {b: 1}\nc: !new:x.Z\n")
    merge(tree, read_tree("a: !new:x.Y\nc: {d: 2}\n"))
    assert tree.items["a"].items["b"].plain() == 1 and tree.items["c"].tag == "!new:x.Z"
    assert tree.items["c"].items["d"].plain() == 2 and read_scalar("a") == "a"

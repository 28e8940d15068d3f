"""The sections of a model card, each from facts alone; one of which nothing is known is empty."""

from __future__ import annotations

from speechbrain_cadino.publish.facts import UNKNOWN, Facts, without_paths

METHODS = {
    "DINOBrain": "self-distillation without labels (DINO): two networks see crops of one utterance and learn to agree",
    "CADINOBrain": "cluster-aware self-distillation (CA-DINO): crops come from one utterance, later also from "
    "utterances of one cluster",
    "DLGLCBrain": "learning from labels, those of clusters unless others were given, by AAM-softmax",
}
GATES = {
    "fixed": ", those of too high a loss left out (Loss-Gated Learning)",
    "dynamic": ", with a dynamic loss-gate",
    "dynamic+correction": ", with a dynamic loss-gate and label correction (DLG-LC)",
}
ERRORS = ("EER %", "minDCF(0.01)", "minDCF(0.05)")
LISTS = {
    "development list": "this encoder",
    "development list, without last_layer_refit": "without the refit of its last layer",
    "development list, --init": "the encoder that its training began from",
}
RANKS = {
    "exported_half_rank": "this encoder",
    "half_rank_without_refit": "without the refit of its last layer",
    "init_half_rank": "the encoder that its training began from",
}


def data(facts: Facts) -> str:
    """In numbers."""
    info = facts.info
    of = [
        f"{info[name]:,} {noun}"
        for name, noun in (("utterances", "utterances"), ("files", "files"), ("items", "faces"))
        if _is_number(info.get(name))
    ]
    hours = [f"{info['hours']:.3g} hours of speech"] if _is_number(info.get("hours")) else []
    listed = [", ".join([*hours, *of]) + "."] if hours + of else []
    unlabelled = (
        ["No label of a speaker was used in training, unless the settings below name labels."] if listed else []
    )
    told = " ".join([*listed, *(facts.outside or unlabelled)])
    return f"{told}\n" if told else ""


def method(facts: Facts) -> str:
    """How it was trained."""
    gate = GATES.get(facts.gate_mode, "") if facts.brain == "DLGLCBrain" else ""
    lines = [f"Trained by {METHODS[facts.brain]}{gate}.\n"] if facts.brain in METHODS else []
    info, metadata = facts.info, facts.metadata
    model = facts.settings.get("embedding_model", "").rpartition(".")[2] if facts.kind == "voice" else ""
    rows = [("network", model)] if model else []
    rows += [("epochs", info["epochs"])] if "epochs" in info else []
    rows += [("size of an embedding", metadata["embedding_dim"])]
    rows += [("input", f"{metadata['sample_rate']} Hz")] if "sample_rate" in metadata else []
    rows += [("input", f"RGB, {metadata['size']} x {metadata['size']} pixels")] if "size" in metadata else []
    rows += [("last layer refitted on augmented views", "yes")] if info.get("last_layer_refit") else []
    rows += [("mean of the training embeddings subtracted", "yes")] if metadata.get("mean_subtracted") else []
    rows += (
        [("made by", f"speechbrain-cadino {metadata['speechbrain_cadino']}")]
        if "speechbrain_cadino" in metadata
        else []
    )
    return "\n".join([*lines, *_table(("", ""), rows)]) + "\n"


def settings(facts: Facts) -> str:
    """All numbers and classes of the run, folded away."""
    if not facts.settings:
        return ""
    rows = [(f"`{name}`", f"`{_class_name(value)}`") for name, value in facts.settings.items()]
    table = "\n".join(_table(("setting", "value"), rows))
    return f"<details><summary>The numbers and classes of its training's settings</summary>\n\n{table}\n\n</details>\n"


def results(facts: Facts) -> str:
    """What was measured, with and without labels, beside what it is to be compared with."""
    info, texts = facts.info, []
    rows = [
        (who, *(_number(info[name].get(error)) for error in ERRORS))
        for name, who in LISTS.items()
        if isinstance(info.get(name), dict) and info[name]
    ]
    if rows:
        texts += [
            "On a list of trials with labels, held out of training; the scores are cosines, without normalisation:\n",
            "\n".join(_table(("encoder", *ERRORS), rows)) + "\n",
        ]
    ranks = info.get("half_rank") if isinstance(info.get("half_rank"), dict) else {}
    rows = [(who, f"{ranks[name]:.3f}") for name, who in RANKS.items() if _is_number(ranks.get(name))]
    if rows:
        texts += [
            "Without labels: how high, of 1, the second half of a training utterance ranks among all of them when the "
            "first half is looked for. It tells whether training went well, not the error on other people's "
            "speech:\n",
            "\n".join(_table(("encoder", "rank of the own half"), rows)) + "\n",
        ]
    learned = without_paths(str(info.get("did it learn", "")).split("\n")[0])
    texts += [f"What training said at its end: {learned}\n"] if learned else []
    return "\n".join(texts)


def threshold(facts: Facts) -> str:
    """From which cosine on two are one, and how that was found."""
    value = facts.metadata.get("threshold")
    if not _is_number(value):
        return "There is none: choose one on trials of your own. Scores are cosines of embeddings.\n"
    how = without_paths(str(facts.metadata.get("threshold_from") or ""))
    text = f"A cosine of **{value:.4f}** or more counts as one person's."
    text += f" How it was found: {how}.\n" if how else "\n"
    calibration = facts.metadata.get("calibration")
    if isinstance(calibration, dict) and len(calibration.get("seconds", ())) == 2:
        low, high = calibration["seconds"]
        text += (
            f"\nProbabilities (`SpeakerEncoder.probability`) are fitted on utterances of {low:.3g} to {high:.3g} s.\n"
        )
    return text


def limits(facts: Facts) -> str:
    """What nobody has tested, and what is known to be hard."""
    lines = [f"- Licence: {facts.license}." + (_FILL_IN if facts.license == UNKNOWN else "")]
    if facts.kind == "voice":
        lines += [
            "- Short speech: below 2 s an embedding says little of the speaker; decide on longer pieces where you can.",
            "- Channels: recordings of one call or one room sound alike. The threshold comes from the training "
            "recordings; on others (telephone, far microphones, another codec) find one on trials of your own.",
            "- Languages, ages and accents: how much the errors differ between them has not been tested.",
        ]
        high = facts.settings.get("f_max")
        lines += [f"- It hears up to {high:g} Hz."] if _is_number(high) else []
    else:
        lines += ["- Faces of other cameras, ages and origins than the training's have not been tested."]
    lines += ["- A high score is no proof of identity."]
    return "\n".join(lines) + "\n"


_FILL_IN = " **Fill in the field `license` above** before you publish the folder: the training recordings may bind you."


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]


def _number(value):
    return f"{value:.4g}" if _is_number(value) else ""


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _class_name(value):
    return value.partition(":")[2] if isinstance(value, str) else value

#!/usr/bin/env python3
"""The demo with faces: its corpus gets pictures, stage II trains on voices and faces, and trials score by both.

> python demo_av.py --output_folder demo_output

The stages of the voice are those of demo.py: in its output folder they are there already. A second call goes on where
the first was stopped.
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from demo import Demo, parse_arguments, read_scores

    from speechbrain_cadino.demo.faces import make_demo_faces
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.places import check_output

SIDES = {"voice": "the voice", "face": "the face", "together": "both"}


def main(arguments=None):
    args = parse_arguments(arguments, __doc__)
    check_output(args.output_folder, "--output_folder")
    FaceDemo(args.output_folder.resolve(), args.options).run(args.corpus_seed)


class FaceDemo(Demo):
    """Stage II from the same encoder without faces and with them."""

    def run(self, corpus_seed):
        corpus = self.make_corpus(corpus_seed)
        with self.timed("faces"):
            faces = make_demo_faces(corpus)
        _, ca_dino, dlg_lc = self.train_without_labels()
        self.train("DLG-LC with faces", "av_dlg_lc", "--init", ca_dino / "encoder")
        iterations = sorted((self.output / "av_dlg_lc").glob("iteration_*"))
        with self.timed("verification"):
            self.verify("CA-DINO", ca_dino)
            for number, folder in enumerate(sorted(dlg_lc.glob("iteration_*")), 1):
                self.verify(f"DLG-LC, iteration {number}", folder)
            for number, folder in enumerate(iterations, 1):
                self.verify_by_both(f"DLG-LC with faces, iteration {number}", folder, faces)
        self.report(iterations[-1] / "encoder")
        print(f"The face encoder is in {iterations[-1] / 'face_encoder'}.")

    def verify_by_both(self, system, folder, faces):
        """The scores of a training's two encoders, and of both together."""
        encoder = folder / "face_encoder"
        output = self.score(folder, f"av_{folder.name}", "--face_encoder", encoder, "--face_folder", faces)
        for side, told in SIDES.items():
            self.scores[f"{system}, by {told}"] = read_scores(output / f"scores_trials_{side}.txt")


if __name__ == "__main__":
    with one_sentence_errors():
        main()

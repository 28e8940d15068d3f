"""Installation of speechbrain-cadino: ``pip install .`` gives the plugin; see ``extras_require`` for more."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# Read as text: an import would need what is installed only afterwards.
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "speechbrain_cadino/__init__.py").read_text(), re.MULTILINE)[1]
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10", "mkdocstrings[python]>=1.0"]  # mkdocs 2 knows no plugins
TEST = ["pytest>=8", "pytest-xdist>=3.5", "ruff==0.17.*", "pre-commit>=3.5", "pyarrow>=14"]
NOTEBOOKS = ["nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29"]
# The torchvision that belongs to torch 2.11; only faces need it.
FACES = ["torchvision==0.26.*", "pillow>=10.1"]
# torch 2.11's exporter follows an encoder by onnxscript; ONNX Runtime runs what comes of it.
ONNX = ["onnx>=1.18,<2", "onnxscript>=0.6,<1", "onnxruntime>=1.20,<2"]

setup(
    name="speechbrain-cadino",
    version=VERSION,
    description="Cluster-aware DINO and DLG-LC: speaker-verification encoders from unlabelled speech, for SpeechBrain",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["speechbrain_cadino", "speechbrain_cadino.*"]),
    package_data={"speechbrain_cadino": ["utils/log-config.yaml"], "speechbrain_cadino.doctor": ["data/*.csv"]},
    python_requires=">=3.10",
    install_requires=[
        # torchaudio 2.11 is the newest there is, and imports only beside the torch of the same number.
        "torch==2.11.*",
        "torchaudio==2.11.*",
        "speechbrain>=1.1.2,<1.2",
        "hyperpyyaml>=1.2",
        "safetensors>=0.4.3",
        "numpy>=2.0",
        "scipy>=1.11",
        "scikit-learn>=1.3",
        "threadpoolctl>=3.1",
        "soundfile>=0.12",  # its wheels bring libsndfile 1.2, which reads Ogg/Opus
        "soxr>=0.3",
        "matplotlib>=3.7",
        "tensorboard>=2.14",
        "tqdm>=4.60",
        "psutil>=5.9",
        "tabulate>=0.9",
        "click>=8.1",
    ],
    extras_require={
        "demo": ["espeakng-loader>=0.2"],  # GPL, so an extra: only the demo corpus needs it
        "docs": DOCS,
        "faces": FACES,
        "onnx": ONNX,
        "parquet": ["pyarrow>=14"],  # for embed -o x.parquet, and cluster of one
        "test": [*TEST, *FACES, *ONNX, *NOTEBOOKS],
    },
    entry_points={"console_scripts": ["speechbrain-cadino = speechbrain_cadino.commands.group:run"]},
)

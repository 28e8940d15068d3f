"""Pictures to embeddings: faces, the second modality, by the same steps as voices."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.faces.augment import FaceAugmenter
    from speechbrain_cadino.faces.compensation import FaceCompensation
    from speechbrain_cadino.faces.dataset import FaceBatch, FaceDataset, FaceSample
    from speechbrain_cadino.faces.embed import embed_faces
    from speechbrain_cadino.faces.export import export_face_encoder
    from speechbrain_cadino.faces.extract import extract_face_embeddings
    from speechbrain_cadino.faces.images import ImageError, read_image
    from speechbrain_cadino.faces.iresnet import IResNet
    from speechbrain_cadino.faces.load import load_face_encoder, start_from_face_encoder
    from speechbrain_cadino.faces.manifest import FaceManifest
    from speechbrain_cadino.faces.modality import Faces
    from speechbrain_cadino.faces.model import FaceEncoderNet
    from speechbrain_cadino.faces.prepare import prepare_faces
    from speechbrain_cadino.faces.settings import FaceAugmentationSettings
    from speechbrain_cadino.faces.table import read_face_manifest, write_face_manifest

__getattr__, __dir__, __all__ = lazy_names(__name__)

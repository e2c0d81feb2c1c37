"""CLIP and SigLIP behind one interface: the tiny CLIP of the repository, and a tiny random SigLIP."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firsthand import similarity
from firsthand.errors import UserError
from firsthand.similarity import Similarity

pytest.importorskip("transformers")
CLIP = Path(__file__).parents[1] / "models/tiny_clip"


def siglip(out: Path) -> None:
    import transformers as hf

    small = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    text, vision = small | dict(vocab_size=300, max_position_embeddings=8), small | dict(image_size=32, patch_size=16)
    hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(out)
    hf.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(out)
    hf.AutoTokenizer.from_pretrained(CLIP).save_pretrained(out)


@pytest.fixture(params=["clip", "siglip"])
def model(request, tmp_path) -> Similarity:
    if request.param == "clip":
        return Similarity(str(CLIP))
    siglip(tmp_path)
    return Similarity(str(tmp_path))


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (20 + n, 30, 3), np.uint8)) for n in range(count)]


def test_embeddings_have_length_one_and_do_not_depend_on_their_batch(model, monkeypatch):
    shown, texts = pictures(5), ["the cup", "my left hand has the lamp", "cup"]
    images, words = model.images(shown), model.texts(texts)
    assert np.allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(words, axis=1), 1, atol=1e-5)
    monkeypatch.setattr(similarity, "BATCH", 2)
    assert np.allclose(model.images(shown), images, atol=1e-5)
    assert np.allclose(model.texts(texts), words, atol=1e-5)
    assert len(model.texts([])) == 0


def test_a_long_text_is_cut_and_known_to_be_long(model):
    long = "the cup " * 40
    assert model.tokens(long) > model.longest >= model.tokens("the cup")
    assert np.isfinite(model.texts([long])).all()


def test_what_is_no_such_model_is_told():
    with pytest.raises(UserError, match="no common space of pictures and texts"):
        Similarity(str(CLIP.with_name("tiny_qwen2_5"))).load()
    with pytest.raises(UserError, match="cannot be loaded as CLIP or SigLIP"):
        Similarity("./tests").load()


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'firsthand\[cuda\]'"):
        Similarity(str(CLIP)).load()

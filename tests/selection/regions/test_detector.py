"""Both detectors of transformers run through the finder, as tiny random models with the released classes."""

from pathlib import Path

import pytest

from firsthand.selection.regions.detector import Detector
from firsthand.selection.regions.shown import Shown

from .conftest import draw, question

pytest.importorskip("transformers")
WORDS = ["<pad>", "<start>", "<end>", "<other>", "[CLS]", "[SEP]", ".", "a", "hand", "red"]


def tokenizer(start: str, end: str):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<other>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(start, WORDS.index(start)), (end, WORDS.index(end))]
    words.post_processor = processors.TemplateProcessing(single=f"{start} $A {end}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<other>",
        bos_token=start,
        eos_token=end,
        model_max_length=16,
    )


def owl(out: Path) -> None:
    import transformers as hf

    small = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    text = small | dict(
        vocab_size=len(WORDS), max_position_embeddings=16, pad_token_id=0, bos_token_id=1, eos_token_id=2
    )
    vision = small | dict(image_size=64, patch_size=16)
    config = hf.Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)
    hf.Owlv2ForObjectDetection(config).save_pretrained(out)
    images = hf.Owlv2ImageProcessor(size={"height": 64, "width": 64})
    hf.Owlv2Processor(images, tokenizer("<start>", "<end>")).save_pretrained(out)


def grounding_dino(out: Path) -> None:
    import transformers as hf

    back = hf.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=4, out_features=["stage1", "stage2"]
    )
    text = hf.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    config = hf.GroundingDinoConfig(
        backbone_config=back, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, num_queries=9,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        num_feature_levels=2, max_text_len=16,
    )  # fmt: skip
    hf.GroundingDinoForObjectDetection(config).save_pretrained(out)
    images = hf.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    hf.GroundingDinoProcessor(images, tokenizer("[CLS]", "[SEP]")).save_pretrained(out)


@pytest.fixture
def frames(tmp_path):
    draw(tmp_path / "a.png", ("red", (10, 10, 40, 40)))
    draw(tmp_path / "b.png", ("red", (60, 10, 90, 40)))
    row = Shown(question("one", ["a.png", "b.png"]))
    return row, row.pictures(tmp_path, 16, 2.0)


@pytest.mark.parametrize("write", [owl, grounding_dino])
def test_a_detector_gives_a_box_within_each_frame_or_none(tmp_path, frames, write):
    write(tmp_path / "model")
    found = Detector(str(tmp_path / "model"), "{answer}", threshold=0.0).find(*frames)
    assert len(found.boxes) == 2 and found.crop is not None and found.margin is not None
    for box in found.boxes:
        assert box and 0 <= box[0] <= box[2] <= 128 and 0 <= box[1] <= box[3] <= 96
    nothing = Detector(str(tmp_path / "model"), "{answer}", threshold=1.0).find(*frames)
    assert nothing == ((None, None), None, None)

"""Logits only where labels are: the same loss and gradients in the Trainer, and less memory."""

import subprocess
import sys
from pathlib import Path
from types import MethodType, SimpleNamespace

import pytest

from firsthand.doctor.fit.peak import peak
from firsthand.training import patches

torch = pytest.importorskip("torch")
trainer_module = pytest.importorskip("transformers.trainer")
from firsthand.training.patches import __main__ as command  # noqa: E402
from firsthand.training.patches import transformers_compute_loss as patch  # noqa: E402

pytestmark = pytest.mark.e2e
MODELS = Path(__file__).parents[2] / "models"
TEXT = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 1100}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def patched():
    patches.install(patches.SFT)
    assert patches.applied["transformers_compute_loss"], (
        "upstream no longer needs it: delete patches/transformers_compute_loss.py and its line in SFT"
    )


def made(kind: str):
    """A model of each family with random weights, some of them the committed tiny ones."""
    import transformers as hf

    torch.manual_seed(0)
    folders = {"qwen3_vl": "tiny_qwen3_vl", "qwen2_5_vl": "tiny_qwen2_5_vl", "qwen2": "tiny_qwen2_5"}
    if kind in folders:
        config = hf.AutoConfig.from_pretrained(MODELS / folders[kind])
    elif kind == "qwen2_vl":
        rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
        seeing = {"depth": 1, "embed_dim": 32, "hidden_size": 64, "num_heads": 2}
        config = hf.Qwen2VLConfig(text_config={**TEXT, "rope_parameters": rope}, vision_config=seeing)
    elif kind == "qwen3_5":
        linear = {"linear_num_key_heads": 2, "linear_num_value_heads": 2, "linear_key_head_dim": 16,
                  "linear_value_head_dim": 16, "layer_types": ["linear_attention", "full_attention"]}  # fmt: skip
        seeing = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 64}
        config = hf.Qwen3_5Config(text_config=TEXT | linear, vision_config=seeing)
    else:
        config = hf.AutoConfig.for_model(kind, **TEXT)
    auto = hf.AutoModelForImageTextToText if hasattr(config, "vision_config") else hf.AutoModelForCausalLM
    return auto.from_config(config, attn_implementation="sdpa").train()


def stock(model, **more):
    """What the Trainer's method looks at."""
    accelerator = SimpleNamespace(parallelism_config=None, num_processes=1, unwrap_model=lambda one: one)
    accepts = getattr(model, "accepts_loss_kwargs", True)
    args = SimpleNamespace(n_gpu=1, average_tokens_across_devices=False)
    return SimpleNamespace(
        **{"model": model, "accelerator": accelerator, "label_smoother": None, "compute_loss_func": None, "args": args}
        | {"model_accepts_loss_kwargs": accepts} | more
    )  # fmt: skip


def rows(vocabulary: int, many: int = 3, length: int = 40) -> dict:
    """Rows whose labels lie at different places: at both ends, several stretches, none."""
    ids = torch.randint(1, min(vocabulary, 900), (many, length), generator=torch.Generator().manual_seed(1))
    labels = torch.full_like(ids, -100)
    labels[0, :5], labels[0, 20:24], labels[0, -3:] = ids[0, :5], ids[0, 20:24], ids[0, -3:]
    if many > 1:
        labels[1, 7] = ids[1, 7]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def step(compute_loss, model, inputs, items=None):
    """Loss, gradients, and for how many positions there were logits."""
    seen = []
    hook = model.lm_head.register_forward_hook(lambda _, __, logits: seen.append(logits.shape[1]))
    model.zero_grad()
    loss = compute_loss(stock(model), model, inputs, num_items_in_batch=items)
    loss.backward()
    hook.remove()
    return loss.detach(), {name: one.grad for name, one in model.named_parameters() if one.grad is not None}, seen[0]


def both(model, inputs, items=None):
    ours = trainer_module.Trainer.compute_loss
    return step(ours.__wrapped__, model, inputs, items), step(ours, model, inputs, items)


@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("kind", sorted(patch.MODELS - {"qwen3_5_text"}))
def test_loss_and_gradients_are_those_of_all_logits(kind, many):
    model = made(kind)
    inputs = rows(model.config.get_text_config().vocab_size, many)
    for items in (None, torch.tensor(57)):
        (loss, gradients, all_of_them), (ours, our_gradients, kept) = both(model, inputs, items)
        assert all_of_them == 40 and kept == (
            12 if many == 1 else 13
        )  # labels, less the one of the first token, plus 1
        torch.testing.assert_close(ours, loss, rtol=1e-6, atol=1e-7)
        assert our_gradients.keys() == gradients.keys() and len(gradients) > 10
        for name, gradient in gradients.items():
            torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-4, atol=1e-7, msg=name)


def test_pictures_are_seen_as_before():
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = MODELS / "tiny_qwen3_vl"
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).train()
    picture = Image.effect_noise((96, 64), 90).convert("RGB")
    chat = [
        {"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": "What is it ?"}]}
    ]
    inputs = AutoProcessor.from_pretrained(folder).apply_chat_template(
        chat, tokenize=True, return_dict=True, return_tensors="pt"
    )
    labels = torch.full_like(inputs["input_ids"], -100)
    labels[:, -4:] = inputs["input_ids"][:, -4:]
    (loss, gradients, every), (ours, our_gradients, kept) = both(model, {**inputs, "labels": labels})
    assert (every, kept) == (labels.shape[1], 5)
    torch.testing.assert_close(ours, loss)
    assert gradients["model.visual.blocks.0.attn.qkv.weight"].abs().max() > 0
    for name, gradient in gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_a_batch_without_labels_has_the_loss_of_upstream():
    model = made("qwen3_vl")
    inputs = rows(model.config.get_text_config().vocab_size)
    inputs["labels"][:] = -100
    for items in (None, torch.tensor(5)):
        (loss, _, _), (ours, _, kept) = both(model, inputs, items)
        assert kept == 1
        torch.testing.assert_close(ours, loss, equal_nan=True)


def test_a_lora_model_is_asked_for_few_logits_too():
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(made("qwen3_vl"), LoraConfig(target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))
    inputs = rows(model.config.get_text_config().vocab_size, 1)
    full, few = both_of_adapter(model, inputs)
    torch.testing.assert_close(few[0], full[0])
    assert (full[1], few[1]) == (40, 12)


def both_of_adapter(model, inputs):
    found, ours = [], trainer_module.Trainer.compute_loss
    for compute_loss in (ours.__wrapped__, ours):
        seen = []
        hook = model.get_base_model().lm_head.register_forward_hook(
            lambda _, __, out, seen=seen: seen.append(out.shape[1])
        )
        found.append((compute_loss(stock(model), model, inputs).detach(), seen[0]))
        hook.remove()
    return found


def test_memory_falls_with_the_tokens_that_have_no_label():
    """A vocabulary as large against the width of the model as a real one: the logits are most of a step."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(MODELS / "tiny_qwen3_vl")
    config.text_config.vocab_size = 8000
    model = AutoModelForImageTextToText.from_config(config).train()
    ids = torch.randint(1, 900, (1, 1500))
    labels = torch.full_like(ids, -100)
    labels[:, -15:] = ids[:, -15:]
    inputs = {"input_ids": ids, "labels": labels}
    ours = trainer_module.Trainer.compute_loss

    def most(compute_loss):
        return peak(lambda: step(compute_loss, model, inputs))

    saved = most(ours.__wrapped__) - most(ours)
    logits = 12 * 1500 * 8000  # float32: the logits, their logarithms of probabilities, their gradients
    assert 0.9 * logits < saved < 1.1 * logits


def lce_forward(self, **inputs):
    return None


@pytest.mark.parametrize("why", ["liger", "liger of one object", "smoothed", "another loss", "evaluated", "outputs",
                                 "several GPUs", "split sequences", "unknown"])  # fmt: skip
def test_it_stands_aside(why, monkeypatch):
    model, more = made("qwen2"), {}
    if why.startswith("liger"):
        monkeypatch.setattr(lce_forward, "__module__", "liger_kernel.transformers.model.qwen2")
        if why == "liger":
            monkeypatch.setattr(type(model), "forward", lce_forward)
        else:
            model.forward = MethodType(lce_forward, model)
    elif why == "smoothed":
        more["label_smoother"] = object()
    elif why == "another loss":
        more["compute_loss_func"] = lambda *args, **kwargs: None
    elif why == "evaluated":
        model.eval()
    elif why == "several GPUs":
        more["args"] = SimpleNamespace(n_gpu=2)
    elif why == "split sequences":
        more["accelerator"] = SimpleNamespace(parallelism_config=object())
    elif why == "unknown":
        model.config.model_type = "llama"
    assert patch._is_stock(stock(made("qwen2"))) is not (why == "liger")
    assert not patch._is_stock(stock(model, **more)) or why == "outputs"
    if why == "outputs":
        _, found = trainer_module.Trainer.compute_loss(stock(model), model, rows(900), return_outputs=True)
        assert found.logits.shape[1] == 40


def test_the_real_trainer_asks_for_few_logits(tmp_path):
    model, seen = made("qwen2"), []
    model.lm_head.register_forward_hook(lambda _, __, logits: seen.append(logits.shape[1]))
    arguments = hf_arguments(tmp_path)
    trainer = trainer_module.Trainer(model, arguments, train_dataset=[rows(800, 1)], data_collator=lambda one: one[0])
    trainer.train()
    assert seen == [12]


def hf_arguments(folder):
    from transformers import TrainingArguments

    return TrainingArguments(
        folder, max_steps=1, use_cpu=True, report_to="none", save_strategy="no", remove_unused_columns=False
    )


def test_what_accelerate_wraps_around_the_model_is_looked_through():
    """With bf16 it replaces the `forward` of the model, which then is a function of its own."""
    from accelerate import Accelerator

    model = Accelerator(cpu=True, mixed_precision="bf16").prepare_model(made("qwen2"))
    assert "forward" in vars(model) and patch._is_stock(stock(model))


def test_llamafactory_gets_it_from_the_line_at_the_start_of_python():
    program = f"""
exec({command.LINE!r})
import llamafactory.train.sft.trainer
from firsthand.training import patches; print(patches.applied)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "'transformers_compute_loss': True" in done.stdout

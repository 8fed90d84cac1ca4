"""The input pipeline's benchmark: both ways learn the same, and every part of both is timed."""

from __future__ import annotations

from tests.modeling.tiny_lisa import tiny_lisa


def test_both_ways_have_one_loss(benchmark, tmp_path):
    model, processor = tiny_lisa(tmp_path)
    drawn = benchmark.draw(2)
    assert [len(record.dialogue) for _, record in drawn] == [3, 3]
    seconds = benchmark.compare(model, processor, drawn, repeats=1)
    assert list(seconds) == ["original", "segue"]
    for measured in seconds.values():
        assert set(measured) == {"workers", "main", "step"}
        assert all(0 < value < 1000 for value in measured.values())


def test_the_medium_model_is_asked_in_its_own_words(benchmark):
    model, processor = benchmark.medium_model()
    assert processor.num_image_tokens == model.config.num_image_tokens == 256
    assert model.config.text_config.vocab_size == len(processor.tokenizer)

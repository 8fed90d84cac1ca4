"""What a recipe's options say reaches the scenes that training draws."""

from __future__ import annotations

import numpy as np

from segue.scenes.questions.reasoning import topics
from segue.training.sources import SceneSource


def test_words_are_left_out_where_a_source_says_so():
    wordings = {wording for topic in topics() for wording in topic.wordings["train"]}

    def all_whole(**options: float) -> bool:
        source = SceneSource(side=96, num_turns=12, world="small", **options)
        records = [source.sample(np.random.default_rng(seed))[1] for seed in range(12)]
        asked = [t.question for record in records for t in record.dialogue if t.type == "reasoning"]
        assert len(asked) > 5
        return wordings.issuperset(asked)

    assert all_whole()
    assert not all_whole(word_dropout=0.3)


def test_crowds_are_drawn_where_a_source_says_so():
    def alike(**options: float) -> int:
        source = SceneSource(side=96, num_turns=0, world="small", num_objects=(3, 6), **options)
        records = [source.sample(np.random.default_rng(seed))[1] for seed in range(16)]
        return sum(len({o.category for o in r.objects if o.part_of is None}) == 1 for r in records)

    assert alike(crowd=0.9) > alike() + 4

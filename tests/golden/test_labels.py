"""Prompts become labels and back; what a model does not know is one sentence that lists what it knows."""

import pytest
import torch

from golden.model import labels, zoo
from golden.model.transformer import Modulation
from golden.spec.model import ConfigError, ModelConfig

SHAPE = {"name": "small", "image_size": 8, "channels": 8, "blocks": 1, "heads": 1}
CLASSES = ModelConfig(**SHAPE, labels=("cat", "dog", "3"))
ATTRIBUTES = ModelConfig(**SHAPE, attributes={"head": ["cat", "dog"], "glasses": ["red", "blue", "none-blue"]})


@pytest.mark.parametrize("config,prompt,expected", [
    (CLASSES, "dog", (1,)), (CLASSES, "0", (0,)), (CLASSES, "3", (2,)), (CLASSES, "none", (3,)), (CLASSES, "", (3,)),
    (ATTRIBUTES, "glasses: blue, head:cat", (0, 1)), (ATTRIBUTES, "head: dog", (1, 3)),
    (ATTRIBUTES, "head: none, glasses: red", (2, 0)), (ATTRIBUTES, "none", (2, 3)),
])
def test_a_prompt_becomes_labels_and_back(config, prompt, expected):
    assert labels.parse(config, prompt) == expected
    assert labels.parse(config, labels.describe(config, expected)) == expected


@pytest.mark.parametrize("config,prompt,message", [
    (CLASSES, "hat", "no class 'hat'; expected one of cat, dog, 3, none, or a number from 0 to 2"),
    (CLASSES, "7", "no class '7'"),
    (ATTRIBUTES, "cat", "'cat' names no attribute of model small; expected attribute: value, with head, glasses"),
    (ATTRIBUTES, "tail: long", "'tail: long' names no attribute"),
    (ATTRIBUTES, "glasses: bleu", "no glasses 'bleu'; expected one of blue"),
    (ATTRIBUTES, "head: cat, head: dog", "names head twice"),
])
def test_an_unknown_prompt_is_one_sentence(config, prompt, message):
    with pytest.raises(ConfigError, match=message):
        labels.parse(config, prompt)


@pytest.mark.parametrize("attributes,message", [
    ({"head": []}, "model.attributes.head is empty"), ({"head": ["a", "a"]}, "names a label twice"),
    ([["head"]], "expected a table"), ("head", "expected a table"), ({"head": [1]}, "not a name"),
])
def test_wrong_attributes_are_one_sentence(attributes, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**SHAPE, attributes=attributes)
    with pytest.raises(ConfigError, match="labels and attributes"):
        ModelConfig(**SHAPE, labels=("a",), attributes={"head": ["b"]})


def test_each_attribute_has_rows_of_its_own_in_the_embedding():
    """Changing one label of an image changes the modulation; two attributes' equal numbers do not collide."""
    torch.manual_seed(0)
    modulation = Modulation(ATTRIBUTES)
    torch.nn.init.normal_(modulation.output.weight)
    torch.nn.init.normal_(modulation.label.weight)
    assert modulation.label.weight.shape[0] == 3 + 4
    every = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    scale, _ = modulation(torch.full((12,), 0.5), every)
    assert len({tuple(row) for row in scale.flatten(1).tolist()}) == 12
    with pytest.raises(ValueError, match=r"labels have shape \(12,\); expected \(12, 2\)"):
        modulation(torch.full((12,), 0.5), every[:, 0])


@pytest.mark.parametrize("config", [CLASSES, ATTRIBUTES])
def test_training_hides_some_labels_and_never_makes_others_up(config):
    generator = torch.Generator().manual_seed(0)
    shown = labels.in_turn(config, 4000)
    hidden = labels.hide(shown, config.no_label, generator)
    none = torch.tensor(config.no_label)
    assert ((hidden == shown) | (hidden == none)).all()
    whole = (hidden == none).all(1).double().mean().item()
    assert labels.HIDDEN * 0.8 < whole < labels.HIDDEN * 1.6
    if config.attributes:
        single = (hidden == none).any(1).double().mean().item()
        assert single > whole + 0.1


def test_representatives_are_every_class_or_many_attributes_and_none_comes_last():
    assert labels.representatives(CLASSES).tolist() == [[0], [1], [2], [3]]
    several = labels.representatives(ATTRIBUTES)
    assert several.shape == (labels.REPRESENTATIVES + 1, 2) and tuple(several[-1].tolist()) == ATTRIBUTES.no_label
    assert labels.usual(zoo.config("tiny")) == (9,)

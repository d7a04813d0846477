"""The gallery draws what the drawing of one image draws."""

from PIL import Image

from golden.model import zoo
from sim import gallery


def test_every_class_is_on_the_sheet(tmp_path):
    sheet = tmp_path / "tiny.png"
    assert gallery.main(["--model", "tiny", "--count", "2", "--steps", "2", "--output", str(sheet)]) == 0
    with Image.open(sheet) as image:
        assert image.height > len(zoo.config("tiny").labels) * zoo.config("tiny").image_size


def test_an_unknown_model_gets_one_sentence(tmp_path, capsys):
    assert gallery.main(["--model", "huge", "--output", str(tmp_path / "none.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())

import re

from quantdeck.engine.ops_c import build


def test_every_header_block_is_plain_declarations():
    text = re.sub(r"/\*.*?\*/", "", build.declarations(), flags=re.S)
    assert "#" not in text
    assert "qd_add" in text


def test_every_source_and_header_is_known_to_the_build():
    source = build.ffibuilder._assigned_source[3]
    names = {path.rsplit("/", 1)[1] for path in (*source["sources"], *source["depends"])}
    folder = {p.name for p in build.source_folder().iterdir() if p.suffix in {".c", ".h", ".inc"}}
    assert names == folder


def test_no_flag_of_the_machine_is_passed():
    assert not [flag for flag in build.COMPILE_ARGS if flag.startswith("-m")]

"""What people write into a report survives when it is written again, in Markdown and HTML, in any language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logcorr.errors import LogcorrError
from logcorr.report import human, markdown
from logcorr.report.render import render, write

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"
OURS = "**We were lucky.**\n\n- the queue kept the letters\n- \\1 `<!-- human: x -->`\n"


def document(name="seed"):
    return json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))


def edited(report, name="lessons", text=OURS):
    start = report.index(f"<!-- human: {name} -->\n") + len(f"<!-- human: {name} -->\n")
    return report[:start] + text + report[report.index(f"<!-- /human: {name} -->") :]


@pytest.mark.parametrize("suffix", [".md", ".html"])
@pytest.mark.parametrize(("before", "lang"), [("en", "en"), ("en", "zh-TW"), ("zh-TW", "en")])
def test_what_people_wrote_is_kept_and_nothing_else(suffix, before, lang):
    old = edited(render(document("undetermined"), suffix, before))
    assert render(document(), suffix, lang, old=old) == edited(render(document(), suffix, lang))


@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_an_answer_taken_back_is_asked_again(suffix):
    new = render(document(), suffix)
    assert render(document(), suffix, old=edited(new, text=human.blocks(new)["lessons"])) == new


def test_an_emptied_block_stays_empty():
    new = render(document(), ".md")
    assert human.blocks(render(document(), ".md", old=edited(new, text="")))["lessons"] == ""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_editor_may_have_its_own_line_ends(end):
    new = render(document(), ".md")
    assert render(document(), ".md", old=edited(new).replace("\n", end)) == edited(new)


@pytest.mark.parametrize("old", ["", "# notes\n", "\x00\ufffd", "<!-- human: lessons -->\nno end\n"])
def test_what_is_no_report_is_replaced(old):
    assert render(document(), ".md", old=old) == render(document(), ".md")


def test_ticked_boxes_stay_ticked():
    new = render(document(), ".md")
    assert new.count("- [ ] ") > 2
    first = new.index("- [ ] ")
    ticked = new[:first] + new[first:].replace("- [ ] ", "- [x] ", 1)
    assert not human.added(ticked)
    assert render(document(), ".md", old=ticked) == ticked


@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_another_file_is_not_written_over(suffix, tmp_path):
    file = tmp_path / f"report{suffix}"
    file.write_text("# notes\n")
    with pytest.raises(LogcorrError, match=f"report{suffix} is there already and is no report of logcorr's"):
        write(document(), file)
    assert file.read_text() == "# notes\n"


def test_an_html_report_with_text_elsewhere_is_not_written_over(tmp_path):
    file = tmp_path / "report.html"
    write(document(), file)
    file.write_text(edited(file.read_text()).replace("\n", "  \r\n"))
    write(document(), file)
    assert "We were lucky" in file.read_text()
    changed = file.read_text().replace("backend", "our backend", 1)
    file.write_text(changed)
    with pytest.raises(LogcorrError, match=r"report.html holds text that would be lost"):
        write(document(), file)
    assert file.read_text() == changed


def inserted(report, before, text):
    at = report.index(before)
    return report[:at] + text + report[at:]


@pytest.mark.parametrize("end", ["\n", "  \r\n"])
def test_what_people_wrote_elsewhere_stays_where_it_stood(end):
    report = render(document(), ".md")
    heading = "\n## " + report.split("\n## ")[3].split("\n")[0]
    row = next(line for line in report.split("\n") if line.startswith("| ") and report.count(line) == 1)
    ours = inserted(report, heading, "\nAnna saw this first.\n\n- she called Bo\n")
    ours = ours.replace(row, f"{row}\n| 10:07 | Anna called Bo |")
    ours = edited("Read this aloud on Monday.\n\n" + ours)
    again = render(document(), ".md", old=ours.replace("\n", end))
    assert [line.rstrip() for line in again.split("\n")] == [line.rstrip() for line in ours.split("\n")]
    assert render(document(), ".md", old=again) == again


def test_what_people_wrote_elsewhere_moves_with_what_it_is_about():
    old = inserted(render(document("undetermined"), ".md"), "\n## Impact", "\nNo customer called.\n")
    new = render(document(), ".md", old=old)
    assert new == inserted(render(document(), ".md"), "\n## Impact", "\nNo customer called.\n")


def test_a_reworded_line_stays_above_the_one_written_anew():
    new = render(document(), ".md")
    title = new.split("\n")[0]
    again = render(document(), ".md", old=new.replace(title, "# The day the letters stopped", 1))
    assert again == f"# The day the letters stopped\n{new}"


def test_an_empty_file_is_filled(tmp_path):
    (tmp_path / "report.md").write_text("\n")
    write(document(), tmp_path / "report.md")
    assert human.ours((tmp_path / "report.md").read_text())


def test_a_quoted_mark_in_a_log_is_no_mark():
    report = render(document("hostile"), ".md")
    assert "x" not in human.blocks(report)
    assert render(document("hostile"), ".md", old=report) == report


def test_what_has_no_place_any_more_is_not_thrown_away():
    old = render(document(), ".md").replace("human: lessons", "human: ours")
    with pytest.raises(LogcorrError, match="what people wrote under ours has no place in the new report"):
        render(document(), ".md", old=edited(old, "ours"))


def test_a_small_report_with_what_people_wrote_is_small():
    most = 20_000
    old = edited(render(document(), ".md"), text=OURS * 20)
    report = render(document(), ".md", most=most, old=old)
    assert human.blocks(report)["lessons"] == OURS * 20
    assert most - 1_000 < len(report.encode()) <= most


@pytest.mark.parametrize("most", [20_000, 18_000, 15_000])
@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_a_report_is_as_small_as_asked_and_evidence_goes_first(most, lang):
    whole, cut = markdown.render(document(), lang), markdown.render(document(), lang, most=most)
    assert len(cut.encode()) <= most < len(whole.encode())
    assert [line for line in cut.splitlines() if line.startswith("#")] == [
        line for line in whole.splitlines() if line.startswith("#")
    ]
    assert human.blocks(cut).keys() == human.blocks(whole).keys()
    told = [line for line in cut.splitlines() if line.startswith("_") and f"{most // 1000} kB" in line]
    assert told
    rows = cut.partition("SHA-256")[2].count("\n| `")
    assert rows == 0 or len(told) == 1


def test_a_size_that_cannot_be_kept_is_said():
    with pytest.raises(LogcorrError, match=r"cannot be made shorter than \d+ kB"):
        markdown.render(document(), most=2_000)


def test_a_report_that_fits_is_whole():
    assert markdown.render(document(), most=60_000) == markdown.render(document())

# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask plugins check``: each mistake is found and explained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.plugin_check import Finding, check_plugin
from qhana_plugin_runner.plugin_check.findings import advice as advice_of
from qhana_plugin_runner.plugin_check.findings import problem
from qhana_plugin_runner.plugin_loader import get_load_report
from qhana_plugin_runner.plugin_scaffold import write_plugin
from qhana_plugin_runner.testing import plugin_app
from qhana_plugin_runner.util.plugins import QHAnaPluginBase
from runner_process import ROOT, Runner

NAME = "checked-plugin"
MODULE = "checked_plugin"

Check = Callable[..., list[Finding]]


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """Change the source of a new plugin, load it and check it."""

    def run(*changes: tuple[str, str]) -> list[Finding]:
        source, *_others = write_plugin(NAME, tmp_path / "plugins")
        text = source.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        source.write_text(text, encoding="utf-8")
        with plugin_app(tmp_path, tmp_path / "plugins").app_context():
            (entry,) = get_load_report().entries
            return check_plugin(entry)

    yield run
    sys.modules.pop(MODULE, None)
    for name, task in list(CELERY.tasks.items()):
        if type(task).__module__ == MODULE:
            del CELERY.tasks[name]
    for identifier in list(QHAnaPluginBase.get_plugins()):
        if QHAnaPluginBase.__plugins__[identifier].__module__ == MODULE:
            del QHAnaPluginBase.__plugins__[identifier]
    sys.path[:] = [path for path in sys.path if not path.startswith(str(tmp_path))]


def problems(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings if finding.is_problem)


def advice(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings if not finding.is_problem)


def test_a_good_plugin_has_no_findings(check: Check) -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("ma.fields.String(", "ma.fields.Strin(", "AttributeError"),
        ('"v0.1.0"', '"one"', "PEP 440"),
        ('return ""  #', 'return "numpy >= >= 2"  #', "cannot be read"),
        ('return ""  #', 'return "flask<2"  #', "the runner requires"),
        ('return ""  #', "return 1 / 0  #", "cannot say what it requires"),
        ('@BLP.route("/")', '@BLP.route("/about/")', "endpoint answers 404"),
        ("title=", "x=1 / 0, title=", "metadata view fails"),
        ("name=plugin.name,", 'name="other",', "says name 'other'"),
        ('title="Checked plugin"', 'title=""', "no title"),
        ("type=PluginType.processing", "type=None", "metadata is not valid"),
        ('content_type=["text/plain"]', "content_type=[]", "no content type"),
        ("href=url_for(f", "href='/x/' + str(f", "answers POST"),
        ("ui_href=url_for(f", "ui_href='/x/' + str(f", "answers GET"),
        ('ui = f"{BLP.name}', "1 / 0  # {", "micro frontend fails"),
        ("errors, valid=False)", "errors, valid=False), 404", "frontend answers 404"),
        ("arguments: dict[str, Any]) -> R", "arguments: Any) -> R", ""),
    ],
)
def test_each_mistake_is_a_problem(check: Check, old: str, new: str, found: str) -> None:
    text = problems(check((old, new)))
    assert found in text
    assert bool(found) == bool(text)


def test_a_plugin_without_description(check: Check) -> None:
    description = 'description = "Writes a text in capital letters to a file."'
    findings = check((description, 'description = ""'))
    assert "no description" in problems(findings)


def test_an_input_that_the_form_does_not_have(check: Check) -> None:
    findings = check(
        (
            "    OutputDataMetadata,\n",
            "    InputDataMetadata,\n    OutputDataMetadata,\n",
        ),
        (
            "data_input=[]",
            'data_input=[InputDataMetadata("*", ["*"], True, parameter="texts")]',
        ),
    )
    assert "no field for the input 'texts'" in problems(findings)


def test_a_field_without_a_control(check: Check) -> None:
    findings = check(
        ("ma.fields.String(", "ma.fields.Dict("), ('"input_type": "textarea",', "")
    )
    assert "No form control fits the field ParametersSchema.text" in problems(findings)


def test_a_field_without_a_label(check: Check) -> None:
    findings = check(('"label": "Text",', ""))
    assert problems(findings) == ""
    assert "no label" in advice(findings)


def test_a_validator_that_does_not_cope_with_missing_fields(check: Check) -> None:
    hook = """
    @ma.validates_schema(skip_on_field_errors=False)
    def check(self, data: Any, **kwargs: Any) -> None:
        if not data["text"]:
            raise ma.ValidationError("empty")
"""
    findings = check(('@BLP.route("/")', f'{hook}\n\n@BLP.route("/")'))
    assert "fails on an empty form: KeyError('text')" in problems(findings)


def test_values_that_cannot_be_read_again(check: Check) -> None:
    hook = """
    @ma.post_dump
    def rename(self, data: Any, **kwargs: Any) -> Any:
        return {"other": data["text"]}
"""
    findings = check(('@BLP.route("/")', f'{hook}\n\n@BLP.route("/")'))
    assert problems(findings) == ""
    assert "cannot read what it wrote" in advice(findings)


def test_a_processing_view_that_accepts_an_empty_form(check: Check) -> None:
    findings = check(
        (
            "ParametersSchema(unknown=ma.EXCLUDE), loc",
            "ParametersSchema(partial=True), loc",
        ),
        ("start_task(work.s(), parameters)", "1"),
    )
    assert "An empty form is answered with 303" in problems(findings)


def test_a_form_without_a_field_of_the_schema(check: Check) -> None:
    findings = check(("schema=ParametersSchema()", "schema=FrontendFormBaseSchema()"))
    assert "The field text is not in the form." in advice(findings)


def test_a_task_with_a_name_that_other_plugins_may_have(check: Check) -> None:
    findings = check(
        ('name=f"{CheckedPlugin.instance.identifier}.work"', 'name="checked.work"')
    )
    assert problems(findings) == ""
    assert "'checked.work' is not named after the plugin" in advice(findings)


def test_a_template_that_the_runner_has_as_well(check: Check, tmp_path: Path) -> None:
    templates = tmp_path / "plugins" / "templates"
    templates.mkdir(parents=True)
    (templates / "simple_template.html").write_text("mine")
    findings = check(
        ("    __name__,\n", '    __name__,\n    template_folder="templates",\n')
    )
    assert "'simple_template.html' is never used" in problems(findings)


def test_unusual_names_missing_tags_and_tests(check: Check, tmp_path: Path) -> None:
    findings = check(
        ('_plugin_name = "checked-plugin"', '_plugin_name = "Checked_Plugin"'),
        ('tags = ["example"]', "tags = []"),
    )
    assert problems(findings) == ""
    assert "'Checked_Plugin' is unusual" in advice(findings)
    assert "no tags" in advice(findings)


def test_a_finding_reads_the_same_everywhere() -> None:
    assert str(problem("It is red.", "Paint it.")) == "problem: It is red.\n  Paint it."
    assert str(advice_of("It is old.", "Wait.")) == "advice: It is old.\n  Wait."


def test_a_plugin_without_test(check: Check, tmp_path: Path) -> None:
    with plugin_app(tmp_path, ROOT / "tests" / "lab_plugins").app_context():
        (entry,) = get_load_report().entries
        assert "No test" in advice(check_plugin(entry))


def test_the_bundled_plugins_are_fine(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": str(ROOT / "plugins")})
    runner.flask("db", "upgrade")
    result = runner.flask("plugins", "check")
    assert {line.split(": ")[1] for line in result.stdout.splitlines()} == {"fine"}


def test_problems_are_the_exit_status_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "broken_one.py").write_text("import a_module_that_nobody_has")
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": str(tmp_path)})
    result = runner.flask("plugins", "check", "broken_one", check=False)
    assert result.returncode == 1
    first, second, third = result.stdout.splitlines()[:3]
    assert first == "broken_one: "
    assert second.startswith("  problem: ModuleNotFoundError: No module named 'a_module")
    assert third.startswith("    Fix this first; ")
    assert "1 problems" in result.stderr


def test_an_unknown_name_is_an_error(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": ""})
    result = runner.flask("plugins", "check", "nobody", check=False)
    assert result.returncode == 1
    assert "No plugin is named 'nobody'" in result.stderr

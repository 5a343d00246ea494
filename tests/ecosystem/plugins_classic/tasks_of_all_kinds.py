# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: tasks that replace themselves, retry, ignore results or are linked oddly."""

from collections.abc import Callable
from http import HTTPStatus
from json import dumps

import marshmallow as ma
from celery.canvas import Signature, chain
from celery.utils.functional import maybe_list
from flask import Flask, redirect, url_for
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.tasks import add_step, save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "task-kinds"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

KINDS_BLP = SecurityBlueprint(_identifier, __name__, description="All kinds of tasks.")


class KindSchema(FrontendFormBaseSchema):
    """What to do."""

    kind = ma.fields.String(required=True)


class TaskKinds(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "All kinds of tasks."
    tags = []

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return KINDS_BLP

    def get_requirements(self) -> str:
        return ""


@KINDS_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @KINDS_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @KINDS_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Task kinds",
            description=TaskKinds.instance.description,
            name=TaskKinds.instance.name,
            version=TaskKinds.instance.version,
            type=PluginType.conversion,
            entry_point=EntryPoint(
                href=url_for(f"{KINDS_BLP.name}.ProcessView"), ui_href="/none/"
            ),
        )


@KINDS_BLP.route("/process/")
class ProcessView(MethodView):
    """Starts one of the kinds."""

    @KINDS_BLP.arguments(KindSchema(unknown=EXCLUDE), location="form")
    @KINDS_BLP.response(HTTPStatus.SEE_OTHER)
    @KINDS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Start a task."""
        kind = arguments["kind"]
        db_task = ProcessingTask(task_name=kind, parameters=dumps(arguments))
        db_task.save(commit=True)
        _KINDS[kind](db_task.id)
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


def _task(name: str, **options) -> Callable:
    return CELERY.task(
        name=f"{TaskKinds.instance.identifier}.{name}", bind=True, **options
    )


@_task("returns")
def returns(self, db_id: int, value="returned") -> str | None:
    """Return a value."""
    return value


@_task("fails")
def fails(self, db_id: int, *_args) -> str:
    """Fail."""
    raise ValueError("failed on purpose")


@_task("fails_unseen", ignore_result=True)
def fails_unseen(self, db_id: int) -> str:
    """Fail with a result that is ignored."""
    raise ValueError("ignored result, but no ignored error")


@_task("returns_unseen", ignore_result=True)
def returns_unseen(self, db_id: int) -> str:
    """Return something to the next member of the chain."""
    return "unseen"


@_task("replaces_by_single")
def replaces_by_single(self, db_id: int) -> str:
    """Continue with another task, whose result goes on in the chain."""
    return self.replace(returns.s(db_id=db_id, value="from the replacement"))


@_task("replaces_by_chain")
def replaces_by_chain(self, db_id: int) -> None:
    """Continue with a chain that ends the row; without a return."""
    self.replace(
        chain(
            returns_unseen.si(db_id=db_id),
            save_task_result.si(task_log="replaced by a chain", db_id=db_id),
        )
    )


@_task("replaces_by_result")
def replaces_by_result(self, db_id: int) -> None:
    """End the row with keywords only."""
    return self.replace(
        save_task_result.s(task_log="replaced by the result", db_id=db_id)
    )


@_task("replaces_by_failure")
def replaces_by_failure(self, db_id: int) -> None:
    """The replacement fails."""
    return self.replace(fails.s(db_id=db_id))


@_task("replaces_itself_twice")
def replaces_itself_twice(self, db_id: int, left: int = 2) -> str:
    """Poll by replacing itself."""
    if left:
        return self.replace(replaces_itself_twice.s(db_id=db_id, left=left - 1))
    return "replaced itself twice"


@_task("replaces_with_step")
def replaces_with_step(self, db_id: int) -> None:
    """The replacement adds a step."""
    step = add_step.s(
        task_log="step by a replacement",
        db_id=db_id,
        step_id="s",
        href="https://example.org/s",
        ui_href="https://example.org/s-ui",
    )
    return self.replace(step)


@_task("retries", max_retries=5)
def retries(self, db_id: int) -> str:
    """Retry by hand, twice."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    db_task.data["tries"] = db_task.data.get("tries", 0) + 1
    db_task.save(commit=True)
    if db_task.data["tries"] < 3:
        raise self.retry(countdown=0.1)
    return (
        f"tried {db_task.data['tries']} times, {len(maybe_list(self.request.errbacks))}"
    )


@_task("autoretries", autoretry_for=(ConnectionError,), retry_backoff=1, max_retries=None)
def autoretries(self, db_id: int) -> str:
    """Retry because of the class of the error, once."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    db_task.data["tries"] = db_task.data.get("tries", 0) + 1
    db_task.save(commit=True)
    if db_task.data["tries"] < 2:
        raise ConnectionError("not yet")
    return "autoretried"


@_task(
    "gives_up", autoretry_for=(ConnectionError,), default_retry_delay=0.1, max_retries=1
)
def gives_up(self, db_id: int) -> str:
    """Retry until the end."""
    raise ConnectionError("never")


@_task("own_errback")
def own_errback(self, *args, db_id: int) -> None:
    """An error callback of the plugin itself."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    db_task.add_task_log_entry("own errback", commit=True)


def _start(row: int, /, *tasks: Signature, **options) -> None:
    work = chain(*tasks, save_task_result.s(db_id=row))
    work.link_error(save_task_error.s(db_id=row))
    work.apply_async(**options)


def _of_one(task, **options) -> Callable[[int], None]:
    return lambda db_id: _start(db_id, task.s(db_id=db_id), **options)


def _single(db_id: int) -> None:
    signature: Signature = replaces_by_result.s(db_id=db_id)
    signature.link_error(save_task_error.s(db_id=db_id))
    signature.apply_async(expires=60)


def _single_fails(db_id: int) -> None:
    signature: Signature = fails.s(db_id=db_id)
    signature.link_error(save_task_error.s(db_id=db_id))
    signature.apply_async()


def _result_as_errback(db_id: int) -> None:
    # the slip of an existing plugin: the task must end nevertheless
    work = returns.s(db_id=db_id) | save_task_result.s(db_id=db_id)
    work.link_error(save_task_result.s(db_id=db_id))
    work.apply_async()


def _chain_member_links(db_id: int) -> None:
    work = (
        returns.s(db_id=db_id) | fails.si(db_id=db_id) | save_task_result.s(db_id=db_id)
    )
    work.link_error(save_task_error.s(db_id=db_id))
    work.link_error(own_errback.s(db_id=db_id))
    work.apply_async()


_KINDS = {
    "returns": _of_one(returns, expires=600, retry=False, db_id=1, hash="x"),
    "none": lambda db_id: _start(db_id, returns.s(db_id=db_id, value=None)),
    "number": lambda db_id: _start(db_id, returns.s(db_id=db_id, value=3)),
    "fails": _of_one(fails),
    "fails_unseen": _of_one(fails_unseen),
    "returns_unseen": _of_one(returns_unseen),
    "replaces_by_single": _of_one(replaces_by_single),
    "replaces_by_failure": _of_one(replaces_by_failure),
    "replaces_itself_twice": _of_one(replaces_itself_twice),
    "replaces_by_result": _single,
    "single_fails": _single_fails,
    "result_as_errback": _result_as_errback,
    "second_member_fails": _chain_member_links,
    "retries": _of_one(retries),
    "autoretries": _of_one(autoretries),
    "gives_up": _of_one(gives_up),
    "immutable": lambda db_id: _start(
        db_id, returns.si(db_id=db_id), returns.si(db_id=db_id, value="last")
    ),
}


def _without_end(task) -> Callable[[int], None]:
    def start(db_id: int) -> None:
        signature = task.s(db_id=db_id)
        signature.link_error(save_task_error.s(db_id=db_id))
        signature.apply_async()

    return start


_KINDS["replaces_by_chain"] = _without_end(replaces_by_chain)
_KINDS["replaces_with_step"] = _without_end(replaces_with_step)

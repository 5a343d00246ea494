# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 5 of the request flow (broker -> worker): the base class of all tasks.

Existing plugins end their chains with ``save_task_result`` and link ``save_task_error``
to them. Both run here, in the process that ran the task, right after it: an outcome needs
neither the broker nor a result backend, and half the messages are saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from flask.ctx import AppContext
from flask_babel import force_locale

from . import running_task
from .db import DB
from .db.models import task_shortcuts
from .db.models.tasks import ProcessingTask
from .db.single_inserts import outcome_follows
from .errors import TaskExitError
from .identity import acting_for
from .metrics import timed
from .publishing import (
    CLIENT_HEADER,
    DUE_HEADER,
    LOCALE_HEADER,
    OWNER_HEADER,
    URL_ROOT_HEADER,
    task_ids_of_signatures,
)
from .task_metrics import RUN_SECONDS, observe_wait, plugin_label
from .url_adapters import Client, working_for

if TYPE_CHECKING:
    from .celery import RunnerCelery

SAVE_RESULT = "qhana-plugin-runner.save-result"
SAVE_ERROR = "qhana-plugin-runner.save-error"
ADD_STEP = "qhana-plugin-runner.add-step"

_OUTCOMES = frozenset((SAVE_RESULT, ADD_STEP))


class FlaskTask(Task):
    """A task that runs in a fresh application context of its own.

    So ``current_app``, ``DB.session``, ``STORE``, ``render_template`` and
    ``url_for(..., _external=True)`` work in every pool, and when a task is called as a
    function.
    """

    abstract = True

    #: Whether the task may be run again if its worker died. A plugin says so with
    #: ``@CELERY.task(idempotent=True)``; all other tasks run at most once.
    idempotent = False
    #: How often an idempotent task is started at most.
    max_attempts = 3

    @property
    def database_id(self) -> int | None:
        """Id of the row of the task that runs now, ``None`` if there is none."""
        request = self.request
        own = {"kwargs": request.kwargs or {}}
        callbacks = [*(request.errbacks or ()), *(request.chain or ())]
        return min(task_ids_of_signatures([own, *callbacks]), default=None)

    def is_cancelled(self) -> bool:
        """Return whether nobody wants the result any more.

        A bound task that runs long should ask now and then and return if so. Asking costs
        one database statement a second at most.
        """
        return self.database_id is not None and running_task.is_cancelled(
            self.database_id
        )

    def set_progress(
        self, value: float, start: float = 0, target: float = 100, unit: str = "%"
    ) -> None:
        """Show how far the task has come; see :func:`.running_task.set_progress`.

        Args:
            value: the progress, between start and target; zero is a value, too.
            start: the progress of a task that has just begun.
            target: the progress of a task that is done.
            unit: the unit of the numbers.
        """
        if self.database_id is not None:
            running_task.set_progress(self.database_id, value, start, target, unit)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task.

        Raises:
            TaskExitError: if the task tried to exit its process.
            celery.exceptions.Ignore: if the message must not run (any more).
        """
        # The tracer of a worker has pushed a request; a plain call has not.
        request = self.request_stack.top
        celery: RunnerCelery = self._get_app()
        app = celery.flask_app
        if app is None:
            raise RuntimeError(
                f"The task {self.name} needs an application: call create_app() first."
            )
        with app.app_context() as context:
            if request is None or request.called_directly:
                with _as_message_says(context, request):
                    return super().__call__(*args, **kwargs)
            run = TaskRun(self, request, celery)
            with run.taking_up(), _as_message_says(context, request):
                return run.run(args, kwargs)


class TaskRun:
    """One message of a task while it is worked on.

    Attributes:
        db_id: id of the database task whose outcome depends on this message; ``None`` if
            none does (for instance an evaluation that a view waits for).
    """

    def __init__(self, task: Task, request: Any, celery: RunnerCelery) -> None:
        self._task = task
        self._request = request
        self._celery = celery
        self._errbacks = [
            errback
            for errback in request.errbacks or ()
            if isinstance(errback, Mapping) and errback.get("task") == SAVE_ERROR
        ]
        chain = [link for link in request.chain or () if link.get("task") in _OUTCOMES]
        ids = task_ids_of_signatures([*self._errbacks, *chain])
        self.db_id = min(ids) if ids else None
        self._recorded = False
        self._taken: Callable[[], bool] | None = None

    @contextmanager
    def taking_up(self) -> Iterator[None]:
        """Take the message up; only :meth:`run` waits until the database has done so."""
        if self.db_id is not None:
            self._taken = task_shortcuts.start_taking_up(
                self.db_id, self._run_id, self._celery.worker_id, self._task.idempotent
            )
        try:
            yield
        finally:
            if self._taken is not None:  # not even begun, because of an error
                self._taken()

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the body and what records its outcome."""
        taken, self._taken = self._taken, None
        if self.db_id is not None and taken is not None and not taken():
            self._refuse(self.db_id)
        if self.db_id is not None:
            outcome_follows()
            observe_wait(self._task.name, self._request.get(DUE_HEADER))
            with timed(RUN_SECONDS, plugin=plugin_label(self._task.name)):
                return self._run_and_record(args, kwargs)
        return self._run_and_record(args, kwargs)

    def _run_and_record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            result = self._run_body(args, kwargs)
            result = self._run_outcomes_of_chain(result)
        except (Ignore, Reject, Retry):
            self._hand_over()
            raise
        except Exception as err:
            self._record_failure(err)
            raise
        self._hand_over()
        return result

    @property
    def _run_id(self) -> str:
        # A retry and a replacement (self.replace) keep the id of the message.
        request = self._request
        return f"{request.id}:{request.retries}:{request.replaced_task_nesting or 0}"

    def _refuse(self, db_id: int) -> None:
        self.db_id = None
        if ProcessingTask.must_not_run(db_id, self._run_id):
            self._request.chain = None
            raise Ignore(f"Task {db_id} must not run (again).")

    def _run_body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return self._task.run(*args, **kwargs)
        except SystemExit as err:
            raise TaskExitError(
                f"The task {self._task.name} tried to exit its worker with status "
                f"{err.code!r}. A task must return or raise an error."
            ) from err
        finally:
            # What the task did not commit must not be part of recording its outcome.
            DB.session.rollback()

    def _run_outcomes_of_chain(self, result: Any) -> Any:
        chain = list(self._request.chain or ())
        while chain and chain[-1].get("task") in _OUTCOMES:
            signature = self._celery.signature(chain.pop())
            arguments = () if signature.immutable else (result,)
            result = self._celery.tasks[signature.task].run(
                *arguments, *signature.args, **signature.kwargs
            )
            self._request.chain = chain
            # Nobody can ask for the results of a chain that has recorded its outcome.
            self._request.ignore_result = True
            self._recorded = True
        return result

    def _record_failure(self, error: Exception) -> None:
        errbacks, self._errbacks = self._errbacks, []
        for errback in errbacks:
            signature = self._celery.signature(errback)
            self._celery.tasks[SAVE_ERROR].run(
                self._request.id,
                error,
                error.__traceback__,
                *signature.args,
                **signature.kwargs,
            )
            # Celery must not call it a second time.
            self._request.errbacks = [
                other for other in self._request.errbacks if other is not errback
            ]

    def _hand_over(self) -> None:
        if self.db_id is None or self._recorded or self._request.chain:
            return  # the next message of the chain takes over when it is sent
        ProcessingTask.hand_over(self.db_id, self._run_id)
        DB.session.commit()


@contextmanager
def _as_message_says(context: AppContext, request: Any) -> Iterator[None]:
    """Work for whom, and in the language, that the message of a task names."""
    if request is None:
        yield
        return
    app = context.app
    with ExitStack() as stack:
        url_root = request.get(URL_ROOT_HEADER)
        if url_root and not app.config.get("SERVER_NAME"):
            root = urlsplit(url_root)
            context.url_adapter = app.url_map.bind(
                root.netloc, script_name=root.path or "/", url_scheme=root.scheme
            )
        client = request.get(CLIENT_HEADER)
        # A task that runs where it is called works for whoever its caller works for.
        if client or not (request.called_directly or request.is_eager):
            stack.enter_context(working_for(Client.from_text(client)))
        stack.enter_context(acting_for(request.get(OWNER_HEADER)))
        locale = request.get(LOCALE_HEADER)
        if locale and "babel" in app.extensions:
            stack.enter_context(force_locale(locale))
        yield

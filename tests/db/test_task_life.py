# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The life of a task's row as a state machine, with several actors at once."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from db.conftest import build_database_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import (
    FINAL_STATES,
    ProcessingTask,
    TaskState,
)

FINAL = st.sampled_from([TaskState(state) for state in sorted(FINAL_STATES)])
MESSAGES = st.sampled_from(["a:0", "b:0", "b:1", "c:0"])


class TaskLife(RuleBasedStateMachine):
    """Compares the row with a model of three facts: the end, the runs, the open step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="task-life-")
        self.app = build_database_app(f"sqlite:///{self.folder}/t.db", Path(self.folder))
        self.end: str | None = None
        self.log: list[str] = []
        self.taken: set[str] = set()
        self.steps: list[bool] = []

    @initialize()
    def create(self) -> None:
        with self.app.app_context():
            DB.create_all()
            task = ProcessingTask(task_name="t")
            task.save(commit=True)
            self.id = task.id

    def teardown(self) -> None:
        with self.app.app_context():
            DB.engine.dispose()
        shutil.rmtree(self.folder)

    def in_own_session(self, action: Callable[[], Any]) -> Any:
        with self.app.app_context():
            result = action()
            DB.session.commit()
            return result

    def at_once(self, actions: list[Callable[[], Any]]) -> list[Any]:
        """Run each action in a thread and session of its own, all at the same time."""
        results: list[Any] = [None] * len(actions)
        barrier = threading.Barrier(len(actions))

        def act(index: int) -> None:
            barrier.wait()
            results[index] = self.in_own_session(actions[index])

        threads = [threading.Thread(target=act, args=(i,)) for i in range(len(actions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    @rule(run_id=MESSAGES)
    def workers_take_the_same_message(self, run_id: str) -> None:
        taken = self.at_once(
            [lambda w=w: ProcessingTask.take_up(self.id, run_id, w) for w in "xyz"]
        )
        possible = self.end is None and run_id not in self.taken
        assert taken.count(True) == (1 if possible else 0)
        if possible:
            self.taken.add(run_id)

    @rule(states=st.lists(FINAL, min_size=1, max_size=3, unique=True))
    def actors_end_the_task(self, states: list[TaskState]) -> None:
        closed = self.at_once(
            [lambda s=s: ProcessingTask.close(self.id, s, f"{s.value}!") for s in states]
        )
        assert closed.count(True) == (1 if self.end is None else 0)
        if self.end is None:
            self.end = states[closed.index(True)].value
            self.log.append(f"{self.end}!")

    @rule()
    def a_message_is_sent(self) -> None:
        self.in_own_session(
            lambda: ProcessingTask.enqueue([self.id], "message", utc_now())
        )

    @rule(run_id=MESSAGES)
    def a_worker_is_done_with_a_message(self, run_id: str) -> None:
        self.in_own_session(lambda: ProcessingTask.hand_over(self.id, run_id))

    @precondition(lambda self: self.end is None and not (self.steps and self.steps[-1]))
    @rule()
    def a_step_is_added(self) -> None:
        def add() -> None:
            task = ProcessingTask.get_by_id(self.id)
            assert task is not None
            task.add_next_step(href="h", ui_href="u", step_id="s")

        self.in_own_session(add)
        self.steps.append(True)

    @rule()
    def the_step_is_cleared(self) -> None:
        def clear() -> None:
            task = ProcessingTask.get_by_id(self.id)
            assert task is not None
            task.clear_previous_step()

        self.in_own_session(clear)
        if self.steps:
            self.steps[-1] = False

    @invariant()
    def row_and_model_agree(self) -> None:
        if not hasattr(self, "id"):
            return
        with self.app.app_context():
            task = ProcessingTask.get_by_id(self.id)
            assert task is not None
            assert task.attempts == len(self.taken)
            assert [not step.cleared for step in task.steps] == self.steps
            assert task.task_log == "\n".join(self.log)
            if self.end is None:
                assert (task.status, task.finished_at) == ("PENDING", None)
                assert task.state not in FINAL_STATES
            else:
                expected = "SUCCESS" if self.end == "succeeded" else "FAILURE"
                assert (task.status, task.state) == (expected, self.end)
                assert task.finished_at is not None


TestTaskLife = TaskLife.TestCase
TestTaskLife.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)

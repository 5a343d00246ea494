# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The state of tasks, leases, runs, webhook deliveries; models and tables agree.

Every column becomes what the models say: not null where they call for it (gaps get the
models' defaults), URLs of any length, case-sensitive text on MySQL, indexes on foreign
keys.

Revision ID: c3f0d5a1e7b2
Revises: ff55b6ebbbd7
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "c3f0d5a1e7b2"
down_revision = "ff55b6ebbbd7"
branch_labels = None
depends_on = None

BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
MYSQL = ("mysql", "mariadb")
UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def text(length):
    return sa.String(length).with_variant(mysql.VARCHAR(length, **BINARY), *MYSQL)


LONG = sa.Text().with_variant(mysql.LONGTEXT(**BINARY), *MYSQL)
TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), *MYSQL)
PLUGIN_ID = sa.String(550).with_variant(
    mysql.VARCHAR(550, charset="ascii", collation="ascii_bin"), *MYSQL
)
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL)
FLOAT, INTEGER, BOOLEAN, JSON = sa.Float(), sa.Integer(), sa.Boolean(), sa.JSON()

# table -> column -> (type, nullable, what fills gaps)
COLUMNS = {
    "ProcessingTask": {
        "task_name": (text(500), False, "''"),
        "started_at": (TIME, False, "CURRENT_TIMESTAMP"),
        "finished_at": (TIME, True, None),
        "parameters": (LONG, False, "''"),
        "multi_step": (BOOLEAN, False, "false"),
        "current_step": (INTEGER, False, "-1"),
        "progress_start": (FLOAT, False, "0"),
        "progress_target": (FLOAT, False, "100"),
        "progress_unit": (text(100), False, "'%'"),
        "task_status": (text(100), True, None),
        "task_log": (LONG, False, "''"),
    },
    "Step": {
        "step_id": (text(500), False, "''"),
        "href": (LONG, False, "''"),
        "ui_href": (LONG, False, "''"),
        "cleared": (BOOLEAN, False, "false"),
    },
    "TaskFile": {
        "security_tag": (text(64), False, "''"),
        "storage_provider": (text(64), False, "''"),
        "file_name": (text(500), False, "''"),
        "file_storage_data": (LONG, False, "''"),
        "file_type": (text(255), True, None),
        "mimetype": (text(255), True, None),
        "created_at": (TIME, False, "CURRENT_TIMESTAMP"),
    },
    "TaskLink": {
        "type": (text(64), False, "''"),
        "href": (LONG, False, "''"),
    },
    "TaskUpdateSubscription": {
        "webhook_href": (LONG, False, "''"),
        "task_href": (LONG, False, "''"),
        "event_type": (text(64), True, None),
    },
    "VirtualPlugin": {
        "parent_id": (text(550), False, "''"),
        "name": (text(500), False, "''"),
        "version": (text(50), False, "''"),
        "description": (LONG, False, "''"),
        "tags": (LONG, False, "''"),
        "href": (LONG, False, "''"),
    },
    "PluginState": {
        "plugin_id": (PLUGIN_ID, False, None),
        "key": (text(500), False, None),
    },
    "DataBlob": {
        "plugin_id": (PLUGIN_ID, False, None),
        "key": (text(500), False, None),
        "value": (BLOB, False, "''"),
    },
}

NEW_TASK_COLUMNS = (
    *("state", "worker_id", "run_id", "running_since", "attempts"),
    *("message", "queued_at"),
)
TASK_INDEXES = {
    "ix_ProcessingTask_state_id": ["state", "id"],
    "ix_ProcessingTask_started_at": ["started_at"],
    "ix_ProcessingTask_task_name_id": ["task_name", "id"],
}
FOREIGN_KEY_INDEXES = ("TaskFile", "TaskLink", "TaskUpdateSubscription")


def upgrade():
    for table, columns in COLUMNS.items():
        align(table, columns)
    with op.batch_alter_table("ProcessingTask") as batch:
        batch.add_column(sa.Column("state", text(20), nullable=True))
        batch.add_column(sa.Column("worker_id", text(64), nullable=True))
        batch.add_column(sa.Column("run_id", text(64), nullable=True))
        batch.add_column(sa.Column("running_since", TIME, nullable=True))
        batch.add_column(sa.Column("attempts", INTEGER, nullable=True))
        batch.add_column(sa.Column("message", LONG, nullable=True))
        batch.add_column(sa.Column("queued_at", TIME, nullable=True))
    fill_states()
    with op.batch_alter_table("ProcessingTask") as batch:
        batch.alter_column("state", existing_type=text(20), nullable=False)
        batch.alter_column("attempts", existing_type=INTEGER, nullable=False)
    for name, columns in TASK_INDEXES.items():
        op.create_index(name, "ProcessingTask", columns)
    for table in FOREIGN_KEY_INDEXES:
        op.create_index(op.f(f"ix_{table}_task_id"), table, ["task_id"])
    op.create_table(
        "WorkerLease",
        sa.Column("id", text(64), nullable=False),
        sa.Column("name", text(255), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_WorkerLease")),
        **UTF8,
    )
    op.create_index(op.f("ix_WorkerLease_expires_at"), "WorkerLease", ["expires_at"])

    op.create_table(
        "TaskRun",
        sa.Column("run_id", text(64), nullable=False),
        sa.Column("task_id", INTEGER, nullable=False),
        sa.Column("worker_id", text(64), nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["ProcessingTask.id"],
            name=op.f("fk_TaskRun_task_id_ProcessingTask"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_TaskRun")),
        **UTF8,
    )
    op.create_index(op.f("ix_TaskRun_task_id"), "TaskRun", ["task_id"])
    create_webhook_deliveries()


def create_webhook_deliveries():
    op.create_table(
        "WebhookDelivery",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("delivery_key", text(64), nullable=False),
        sa.Column("task_id", INTEGER, nullable=False),
        sa.Column("webhook_href", LONG, nullable=False),
        sa.Column("task_href", LONG, nullable=False),
        sa.Column("event", text(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("last_error", LONG, nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["ProcessingTask.id"],
            name=op.f("fk_WebhookDelivery_task_id_ProcessingTask"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_WebhookDelivery")),
        **UTF8,
    )
    for column in ("task_id", "next_attempt_at"):
        op.create_index(op.f(f"ix_WebhookDelivery_{column}"), "WebhookDelivery", [column])


def align(table, columns):
    quote = op.get_bind().dialect.identifier_preparer.quote
    for name, (_type, nullable, gap) in columns.items():
        if not nullable and gap is not None and table != "DataBlob":
            op.execute(
                f"UPDATE {quote(table)} SET {quote(name)} = {gap} "
                f"WHERE {quote(name)} IS NULL"
            )
    existing = {
        column["name"]: column for column in sa.inspect(op.get_bind()).get_columns(table)
    }
    with op.batch_alter_table(table) as batch:
        for name, (type_, nullable, _gap) in columns.items():
            batch.alter_column(
                name,
                type_=type_,
                nullable=nullable,
                existing_type=existing[name]["type"],
                existing_nullable=existing[name]["nullable"],
            )


def fill_states():
    task = sa.table(
        "ProcessingTask",
        *(sa.column(name) for name in ("id", "state", "finished_at", "task_status")),
        sa.column("attempts"),
    )
    step = sa.table("Step", sa.column("id"), sa.column("cleared", sa.Boolean()))
    open_step = sa.exists().where(step.c.id == task.c.id, step.c.cleared.is_(sa.false()))
    state = sa.case(
        (
            task.c.finished_at.is_not(None) & (task.c.task_status == "SUCCESS"),
            "succeeded",
        ),
        (task.c.finished_at.is_not(None), "failed"),
        (open_step, "waiting"),
        else_="queued",
    )
    op.execute(sa.update(task).values(state=state, attempts=0))


def downgrade():
    for table in ("WebhookDelivery", "TaskRun", "WorkerLease"):
        op.drop_table(table)
    for table in FOREIGN_KEY_INDEXES:
        drop_foreign_key_index(table)
    for name in TASK_INDEXES:
        op.drop_index(name, "ProcessingTask")
    with op.batch_alter_table("ProcessingTask") as batch:
        for name in NEW_TASK_COLUMNS:
            batch.drop_column(name)


def drop_foreign_key_index(table):
    if op.get_bind().dialect.name not in MYSQL:
        op.drop_index(op.f(f"ix_{table}_task_id"), table)
        return
    # MySQL needs some index for the foreign key.
    key = op.f(f"fk_{table}_task_id_ProcessingTask")
    op.drop_constraint(key, table, type_="foreignkey")
    op.drop_index(op.f(f"ix_{table}_task_id"), table)
    op.create_foreign_key(key, table, "ProcessingTask", ["task_id"], ["id"])

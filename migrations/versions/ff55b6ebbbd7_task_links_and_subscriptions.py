# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Links of tasks and subscriptions to them.

Revision ID: ff55b6ebbbd7
Revises: b889171b490f
"""

import sqlalchemy as sa
from alembic import op

revision = "ff55b6ebbbd7"
down_revision = "b889171b490f"
branch_labels = None
depends_on = None

UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def upgrade():
    op.create_table(
        "TaskLink",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("href", sa.String(500), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["ProcessingTask.id"],
            name=op.f("fk_TaskLink_task_id_ProcessingTask"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_TaskLink")),
        **UTF8,
    )
    op.create_table(
        "TaskUpdateSubscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_href", sa.String(500), nullable=False),
        sa.Column("task_href", sa.String(500), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=True),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["ProcessingTask.id"],
            name=op.f("fk_TaskUpdateSubscription_task_id_ProcessingTask"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_TaskUpdateSubscription")),
        **UTF8,
    )


def downgrade():
    op.drop_table("TaskUpdateSubscription")
    op.drop_table("TaskLink")

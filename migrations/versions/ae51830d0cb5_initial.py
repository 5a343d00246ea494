# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks, their steps and files.

Revision ID: ae51830d0cb5
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "ae51830d0cb5"
down_revision = None
branch_labels = None
depends_on = None

UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade():
    op.create_table(
        "ProcessingTask",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_name", sa.String(500), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("parameters", LONG, nullable=True),
        sa.Column("multi_step", sa.Boolean(), nullable=True),
        sa.Column("current_step", sa.Integer(), nullable=True),
        sa.Column("progress_value", sa.Float(), nullable=True),
        sa.Column("progress_start", sa.Float(), nullable=True),
        sa.Column("progress_target", sa.Float(), nullable=True),
        sa.Column("progress_unit", sa.String(100), nullable=True),
        sa.Column("task_status", sa.String(100), nullable=True),
        sa.Column("task_log", LONG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ProcessingTask")),
        **UTF8,
    )
    op.create_table(
        "Step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("step_id", sa.String(500), nullable=True),
        sa.Column("href", sa.String(500), nullable=True),
        sa.Column("ui_href", sa.String(500), nullable=True),
        sa.Column("cleared", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["id"], ["ProcessingTask.id"], name=op.f("fk_Step_id_ProcessingTask")
        ),
        sa.PrimaryKeyConstraint("id", "number", name=op.f("pk_Step")),
        **UTF8,
    )
    op.create_table(
        "TaskData",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["id"], ["ProcessingTask.id"], name=op.f("fk_TaskData_id_ProcessingTask")
        ),
        sa.PrimaryKeyConstraint("id", "key", name=op.f("pk_TaskData")),
        **UTF8,
    )
    op.create_table(
        "TaskFile",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("security_tag", sa.String(64), nullable=False),
        sa.Column("storage_provider", sa.String(64), nullable=False),
        sa.Column("file_name", sa.String(500), nullable=False),
        sa.Column("file_storage_data", LONG, nullable=False),
        sa.Column("file_type", sa.String(255), nullable=True),
        sa.Column("mimetype", sa.String(255), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["ProcessingTask.id"],
            name=op.f("fk_TaskFile_task_id_ProcessingTask"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_TaskFile")),
        **UTF8,
    )
    op.create_index(op.f("ix_TaskFile_file_name"), "TaskFile", ["file_name"])


def downgrade():
    for table in ("TaskFile", "TaskData", "Step", "ProcessingTask"):
        op.drop_table(table)
